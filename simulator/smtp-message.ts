import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser';
import type { AcceptedMessage } from './simulated-esp.ts';
import { mailboxText, parseBody, isFields, list, sha256, text, type Mailbox } from './wire-values.ts';

/** What came over the wire for one message. */
export interface SmtpTransaction {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Buffer;
}

/** One buffer that holds both: the envelope as a line of JSON, then the message. */
export const packTransaction = ({ from, to, raw }: SmtpTransaction): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify({ from, to })}\n`), raw]);

const unpack = (body: Buffer): SmtpTransaction => {
  const end = body.indexOf(0x0a);
  const head = parseBody(body.subarray(0, end));
  const { from, to } = isFields(head) ? head : {};
  return { from: text(from), to: list(to).map(text), raw: body.subarray(end + 1) };
};

const mailboxesOf = (field: AddressObject | AddressObject[] | undefined): readonly Mailbox[] =>
  (field === undefined ? [] : [field].flat())
    .flatMap(({ value }) => value)
    .map(({ address, name }) => ({ email: address ?? '', name: name === '' ? null : name }));

// What every message has; the rest is the sender's own.
const usual =
  /^(from|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|x-mailfleet-(message|attempt)-id)$/;

const ownHeaders = (mail: ParsedMail): Record<string, string> => {
  const own = mail.headerLines.filter(({ key }) => !usual.test(key));
  return Object.fromEntries(
    own.map(({ key, line }) => {
      const value: unknown = mail.headers.get(key);
      const colon = line.indexOf(':');
      return [line.slice(0, colon), typeof value === 'string' ? value : line.slice(colon + 1).trim()];
    }),
  );
};

const headerText = (mail: ParsedMail, name: string): string | null => {
  const value = mail.headers.get(name);
  return typeof value === 'string' ? value : null;
};

const sameAddress = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** A transaction as its recipients see it: one message for each address of `To` that was in the envelope. */
export const readTransaction = async (body: Buffer): Promise<readonly AcceptedMessage[]> => {
  const { to, raw } = unpack(body);
  // The cid links of inline images stay as they are; by default the parser puts the image in their place.
  const mail = await simpleParser(raw, { keepCidLinks: true, skipTextToHtml: true, skipHtmlToText: true });
  const copies = mailboxesOf(mail.cc);
  const named = mailboxesOf(mail.to);
  const isNamed = (address: string): boolean => [...named, ...copies].some(({ email }) => sameAddress(email, address));
  const attachments = mail.attachments.map(({ filename, contentType, cid, content }) => ({
    filename: filename ?? '',
    contentType,
    contentId: cid ?? null,
    sha256: sha256(content),
  }));
  return named
    .filter(({ email }) => to.some((address) => sameAddress(address, email)))
    .map((recipient) => ({
      messageId: headerText(mail, 'x-mailfleet-message-id'),
      attemptId: headerText(mail, 'x-mailfleet-attempt-id'),
      ...recipient,
      subject: mail.subject ?? '',
      // The end of a part is the start of the next boundary, and the line break before that belongs to the boundary.
      text: mail.text === undefined ? null : mail.text.replace(/\n$/, ''),
      html: typeof mail.html === 'string' ? mail.html.replace(/\n$/, '') : null,
      headers: ownHeaders(mail),
      from: mailboxesOf(mail.from).map(mailboxText)[0] ?? '',
      replyTo: mailboxesOf(mail.replyTo).map(mailboxText)[0] ?? null,
      cc: copies.map(mailboxText),
      bcc: to.filter((address) => !isNamed(address)),
      providerMessageId: (mail.messageId ?? '').replace(/^<|>$/g, ''),
      attachments,
    }));
};

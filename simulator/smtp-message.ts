import { domainToASCII } from 'node:url';
import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser';
import { decodeWords } from './encoded-words.ts';
import type { AcceptedMessage } from './simulated-esp.ts';
import { mailboxText, parseBody, isFields, list, sha256, text, texts, type Mailbox } from './wire-values.ts';

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
  return { from: text(from), to: list(to).map(text).map(asSent), raw: body.subarray(end + 1) };
};

/** The domain in the form of the wire: the libraries show it in the reader's. */
const asSent = (address: string): string => {
  const at = address.lastIndexOf('@') + 1;
  return address.slice(0, at) + (domainToASCII(address.slice(at)) || address.slice(at));
};

const mailboxesOf = (field: AddressObject | AddressObject[] | undefined): readonly Mailbox[] =>
  (field === undefined ? [] : [field].flat())
    .flatMap(({ value }) => value)
    .map(({ address, name }) => ({ email: asSent(address ?? ''), name: name === '' ? null : name }));

// What every message has; the rest is the sender's own.
const usual =
  /^(from|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|x-mailfleet-(message|attempt)-id)$/;

/** A header as its reader sees it: unfolded (RFC 5322 §2.2.3), which takes the line break alone, and decoded. */
const headerValue = (line: string): string =>
  decodeWords(
    line
      .slice(line.indexOf(':') + 1)
      .replace(/\r?\n(?=[ \t])/g, '')
      .trim(),
  );

const ownHeaders = (mail: ParsedMail): Record<string, string> =>
  Object.fromEntries(
    mail.headerLines
      .filter(({ key }) => !usual.test(key))
      .map(({ line }) => [line.slice(0, line.indexOf(':')), headerValue(line)]),
  );

const subjectOf = (mail: ParsedMail): string =>
  headerValue(mail.headerLines.find(({ key }) => key === 'subject')?.line ?? '');

const headerText = (mail: ParsedMail, name: string): string | null => {
  const value = mail.headers.get(name);
  return typeof value === 'string' ? value : null;
};

const sameAddress = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

// The parser guesses a type by the file's name where the sender said `application/octet-stream`.
const typeOf = (header: unknown): string => {
  if (!isFields(header)) return '';
  const own = Object.entries(texts(header['params'])).filter(([name]) => name !== 'name');
  return [text(header['value']), ...own.map(([name, value]) => `${name}=${value}`)].join('; ');
};

/** A transaction as its recipients see it: one message for each address of `To` that was in the envelope. */
export const readTransaction = async (body: Buffer): Promise<readonly AcceptedMessage[]> => {
  const { to, raw } = unpack(body);
  // The cid links of inline images stay as they are; by default the parser puts the image in their place.
  const mail = await simpleParser(raw, { keepCidLinks: true, skipTextToHtml: true, skipHtmlToText: true });
  const copies = mailboxesOf(mail.cc);
  const named = mailboxesOf(mail.to);
  const isNamed = (address: string): boolean => [...named, ...copies].some(({ email }) => sameAddress(email, address));
  const attachments = mail.attachments.map(({ filename, headers, cid, content }) => ({
    filename: filename ?? '',
    contentType: typeOf(headers.get('content-type')),
    contentId: cid ?? null,
    sha256: sha256(content),
  }));
  return named
    .filter(({ email }) => to.some((address) => sameAddress(address, email)))
    .map((recipient) => ({
      messageId: headerText(mail, 'x-mailfleet-message-id'),
      attemptId: headerText(mail, 'x-mailfleet-attempt-id'),
      ...recipient,
      subject: subjectOf(mail),
      text: mail.text ?? null,
      html: typeof mail.html === 'string' ? mail.html : null,
      headers: ownHeaders(mail),
      from: mailboxesOf(mail.from).map(mailboxText)[0] ?? '',
      replyTo: mailboxesOf(mail.replyTo).map(mailboxText)[0] ?? null,
      cc: copies.map(mailboxText),
      bcc: to.filter((address) => !isNamed(address)),
      providerMessageId: (mail.messageId ?? '').replace(/^<|>$/g, ''),
      attachments,
    }));
};

import MailComposer from 'nodemailer/lib/mail-composer';
import { encodedWords, looksEncoded } from '../encoded-words.ts';
import type { Address, Delivery } from '../esp.ts';
import { tokenReplacer } from '../replace-tokens.ts';

/** One finished message, and whom it is for on the wire. */
export interface SmtpMessage {
  /** `to[0]` is the recipient of the delivery; after it come the copies. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  /** Without the angle brackets: what a bounce mail names. */
  readonly messageId: string;
  readonly raw: Buffer;
}

/** The headers that carry our ids: a bounce mail brings them back with the headers of the message. */
export const smtpIdHeaders = { messageId: 'X-Mailfleet-Message-Id', attemptId: 'X-Mailfleet-Attempt-Id' } as const;

const mailbox = ({ email, name }: Address) => ({ address: email, name: name ?? '' });

// The composer encodes what is beyond ASCII, and only that.
const headerText = (value: string): string => (looksEncoded(value) ? encodedWords(value) : value);

const domainOf = (email: string): string => email.slice(email.lastIndexOf('@') + 1);

// Lines in the form of the wire; a body that is encoded comes out byte for byte, its last line break or the lack of one
// included. Left to itself the composer writes short ASCII as it is, and long lines in a form that changes blanks.
const asLines = (text: string): string => text.replace(/\r?\n/g, '\r\n');
const encodingOf = (text: string): 'base64' | 'quoted-printable' =>
  Buffer.byteLength(text) > 1.5 * text.length ? 'base64' : 'quoted-printable';

// The end of a mail is a line break on the wire, and the composer adds it. Where the text has none, a soft one (RFC 2045
// §6.7) stands for it.
const withSoftEnd = (raw: Buffer): Buffer =>
  Buffer.concat([raw.at(-2) === 0x0d && raw.at(-1) === 0x0a ? raw.subarray(0, -2) : raw, Buffer.from('=\r\n')]);

/**
 * A delivery → its message in MIME (RFC 5322, 2045), all tokens replaced. The Message-ID is made of the attempt, so the
 * same attempt has the same id however often it is handed over.
 * Only our own fields reach nodemailer: its ways to read files and addresses are shut.
 * @param date of the `Date` header.
 */
export const smtpMessage = async (delivery: Delivery, date: Date): Promise<SmtpMessage> => {
  const { content, values, attemptId } = delivery;
  const replace = tokenReplacer(Object.keys(values));
  const ready = (text: string): string => replace(text, values);
  const messageId = `${attemptId}@${domainOf(content.from.email)}`;
  const headers = Object.entries(content.headers).map(([key, value]) => ({ key, value: headerText(ready(value)) }));
  const namesInCase = new Map(headers.map(({ key }) => [key.toLowerCase(), key]));
  const text = content.text ? asLines(ready(content.text)) : undefined;
  const html = content.html ? asLines(ready(content.html)) : undefined;
  const encoding = encodingOf(`${text ?? ''}${html ?? ''}`);
  const message = new MailComposer({
    encoding,
    normalizeHeaderKey: (key: string) => namesInCase.get(key.toLowerCase()) ?? key,
    disableFileAccess: true,
    disableUrlAccess: true,
    messageId: `<${messageId}>`,
    date,
    from: mailbox(content.from),
    to: [mailbox(delivery.to)],
    cc: delivery.cc.map(mailbox),
    // Known to the envelope alone: the composer leaves it out of the headers.
    bcc: delivery.bcc.map(mailbox),
    ...(content.replyTo === undefined ? {} : { replyTo: mailbox(content.replyTo) }),
    subject: headerText(ready(content.subject)),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    headers: [
      ...headers,
      { key: smtpIdHeaders.messageId, value: delivery.messageId },
      { key: smtpIdHeaders.attemptId, value: attemptId },
    ],
    attachments: content.attachments.map(({ filename, contentType, content: base64, contentId }) => ({
      filename,
      contentType,
      content: Buffer.from(base64, 'base64'),
      ...(contentId === undefined
        ? { contentDisposition: 'attachment' }
        : { cid: contentId, contentDisposition: 'inline' }),
    })),
  }).compile();
  const { from, to } = message.getEnvelope();
  const bodies = [text, html].filter((body) => body !== undefined);
  const isSinglePart = encoding === 'quoted-printable' && content.attachments.length === 0 && bodies.length === 1;
  const built = await message.build();
  const raw = isSinglePart && !bodies.every((body) => body.endsWith('\r\n')) ? withSoftEnd(built) : built;
  return { envelope: { from: from || content.from.email, to }, messageId, raw };
};

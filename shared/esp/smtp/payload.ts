import MailComposer from 'nodemailer/lib/mail-composer';
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

const domainOf = (email: string): string => email.slice(email.lastIndexOf('@') + 1);

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
  const headers = Object.entries(content.headers).map(([key, value]) => ({ key, value: ready(value) }));
  const message = new MailComposer({
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
    subject: ready(content.subject),
    ...(content.text === undefined ? {} : { text: ready(content.text) }),
    ...(content.html === undefined ? {} : { html: ready(content.html) }),
    headers: [
      ...headers,
      { key: smtpIdHeaders.messageId, value: delivery.messageId },
      { key: smtpIdHeaders.attemptId, value: attemptId },
    ],
    attachments: content.attachments.map(({ filename, contentType, content: base64, contentId }) => ({
      filename,
      contentType,
      content: Buffer.from(base64, 'base64'),
      ...(contentId === undefined ? {} : { cid: contentId, contentDisposition: 'inline' }),
    })),
  }).compile();
  const { from, to } = message.getEnvelope();
  return { envelope: { from: from || content.from.email, to }, messageId, raw: await message.build() };
};

import { randomUUID } from 'node:crypto';
import { calmSettings } from './control.ts';
import { postmarkFault } from './postmark-check.ts';
import { postmarkWebhook } from './postmark-events.ts';
import {
  jsonAnswer,
  refused,
  type AcceptedMessage,
  type SimulatedEsp,
  type TakenMessage,
  type WireAnswer,
} from './simulated-esp.ts';
import {
  isFields,
  list,
  mailboxText,
  parseBody,
  parseMailboxes,
  sha256,
  text,
  textOrNull,
  texts,
  type Fields,
  type Mailbox,
} from './wire-values.ts';

// postmarkapp.com/developer/api/email-api: the wire protocol as a caller meets it.

export interface PostmarkOptions {
  /** The server token that callers must show; undefined takes any. */
  readonly serverToken?: string | undefined;
  readonly webhookUser?: string | undefined;
  readonly webhookPassword?: string | undefined;
}

const maxBatch = 500;
const maxBatchBytes = 50 * 1024 * 1024;
const maxMessageBytes = 10 * 1024 * 1024;

const error = (status: number, ErrorCode: number, Message: string): WireAnswer =>
  jsonAnswer(status, { ErrorCode, Message });

const mailboxes = (value: unknown): readonly Mailbox[] => parseMailboxes(text(value)) ?? [];
const mailboxTexts = (value: unknown): readonly string[] => mailboxes(value).map(mailboxText);

const takenOf = (message: Fields, providerMessageId: string): TakenMessage[] => {
  const own = texts(message['Metadata']);
  return mailboxes(message['To']).map(({ email }) => ({
    email,
    providerMessageId,
    messageId: own['mf_message_id'] ?? null,
    attemptId: own['mf_attempt_id'] ?? null,
    own,
    tags: message['Tag'] === undefined ? [] : [text(message['Tag'])],
    subject: text(message['Subject']),
    from: mailboxes(message['From'])[0]?.email ?? '',
  }));
};

const acceptedOf = (message: Fields, providerMessageId: string): AcceptedMessage[] => {
  const own = texts(message['Metadata']);
  const headers = list(message['Headers'])
    .filter(isFields)
    .map((header) => [text(header['Name']), text(header['Value'])]);
  const attachments = list(message['Attachments'])
    .filter(isFields)
    .map((attachment) => ({
      filename: text(attachment['Name']),
      contentType: text(attachment['ContentType']),
      contentId: textOrNull(attachment['ContentID'])?.replace(/^cid:/, '') ?? null,
      sha256: sha256(Buffer.from(text(attachment['Content']), 'base64')),
    }));
  return mailboxes(message['To']).map((to) => ({
    messageId: own['mf_message_id'] ?? null,
    attemptId: own['mf_attempt_id'] ?? null,
    ...to,
    subject: text(message['Subject']),
    text: textOrNull(message['TextBody']),
    html: textOrNull(message['HtmlBody']),
    headers: Object.fromEntries(headers) as Record<string, string>,
    from: mailboxTexts(message['From'])[0] ?? '',
    replyTo: mailboxTexts(message['ReplyTo'])[0] ?? null,
    cc: mailboxTexts(message['Cc']),
    bcc: mailboxTexts(message['Bcc']),
    providerMessageId,
    attachments,
  }));
};

const itemsOf = (parsed: unknown): readonly unknown[] => (Array.isArray(parsed) ? parsed : [parsed]);

/** Postmark's `/email`, `/email/batch` and webhooks. */
export const simulatedPostmark = ({ serverToken, webhookUser, webhookPassword }: PostmarkOptions): SimulatedEsp => ({
  kind: 'postmark',
  paths: ['/email', '/email/batch'],
  defaults: {
    ...calmSettings,
    latencyMs: 45,
    delivered: 0.985,
    bounced: 0.01,
    opened: 0.45,
    clicked: 0.08,
    complained: 0.0005,
  },
  outage: () => error(503, 100, 'The Postmark API is offline for maintenance.'),
  // Postmark documents neither a rate nor a header that tells when to come back.
  throttled: () => error(429, 429, 'Rate limit exceeded.'),
  broken: () => error(500, 0, 'Internal Server Error'),
  receive: ({ path, headers, body }) => {
    const token = headers['x-postmark-server-token'];
    if (typeof token !== 'string' || token === '' || (serverToken !== undefined && token !== serverToken)) {
      return refused(
        error(401, 10, 'The Server Token you provided in the X-Postmark-Server-Token request header was invalid.'),
      );
    }
    const isBatch = path.endsWith('/batch');
    if (body.length > (isBatch ? maxBatchBytes : maxMessageBytes))
      return refused(error(413, 413, 'The payload is too large.'));
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) return refused(error(422, 409, 'JSON required.'));
    const parsed = parseBody(body);
    if (parsed === undefined || Array.isArray(parsed) !== isBatch)
      return refused(error(422, 402, 'Received invalid JSON input.'));
    const items = itemsOf(parsed);
    if (items.length > maxBatch) return refused(error(422, 410, `A batch may hold ${maxBatch} messages.`));

    const taken: TakenMessage[] = [];
    const providerIds: string[] = [];
    const results = items.map((item) => {
      const fault = postmarkFault(item);
      if (fault !== undefined || !isFields(item)) {
        providerIds.push('');
        return fault ?? { ErrorCode: 403, Message: 'A message is an object.' };
      }
      const id = randomUUID();
      providerIds.push(id);
      taken.push(...takenOf(item, id));
      return {
        To: text(item['To']),
        SubmittedAt: new Date().toISOString(),
        MessageID: id,
        ErrorCode: 0,
        Message: 'OK',
      };
    });
    const [first] = results;
    if (!isBatch && first !== undefined) {
      return { answer: jsonAnswer(first.ErrorCode === 0 ? 200 : 422, first), taken, providerIds };
    }
    return { answer: jsonAnswer(200, results), taken, providerIds };
  },
  render: (body, providerIds) =>
    itemsOf(parseBody(body)).flatMap((item, index) => {
      const id = providerIds[index] ?? '';
      return id !== '' && isFields(item) ? acceptedOf(item, id) : [];
    }),
  webhook: postmarkWebhook(
    webhookUser === undefined || webhookPassword === undefined
      ? undefined
      : { user: webhookUser, password: webhookPassword },
  ),
});

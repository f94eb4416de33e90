import { randomInt } from 'node:crypto';
import { calmSettings } from './control.ts';
import { decodeWords } from './encoded-words.ts';
import { recipientAddress, recipientFault, transmissionFaults, type SparkpostFault } from './sparkpost-check.ts';
import { sparkpostWebhook } from './sparkpost-events.ts';
import { renderTemplate } from './sparkpost-template.ts';
import {
  jsonAnswer,
  refused,
  type AcceptedMessage,
  type Receipt,
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

// developers.sparkpost.com/api/transmissions: the wire protocol as a caller meets it.

export interface SparkpostOptions {
  /** The key that callers must show; undefined takes any. */
  readonly apiKey?: string | undefined;
  readonly webhookUser?: string | undefined;
  readonly webhookPassword?: string | undefined;
}

// 20 MB of content, which base64 and the recipients around it make longer.
const maxBodyBytes = 30 * 1024 * 1024;
const rememberedKeys = 10_000;

const errors = (status: number, faults: readonly SparkpostFault[], headers: Record<string, string> = {}): WireAnswer =>
  jsonAnswer(status, { errors: faults }, headers);
const error = (status: number, message: string, code?: string, description?: string): WireAnswer =>
  errors(status, [{ message, ...(description ? { description } : {}), ...(code === undefined ? {} : { code }) }]);

const mailboxes = (value: unknown): readonly Mailbox[] =>
  (parseMailboxes(text(value)) ?? []).map(({ email, name }) => ({
    email,
    name: name === null ? null : decodeWords(name),
  }));

const isCopy = (recipient: Fields): boolean => typeof recipientAddress(recipient)['header_to'] === 'string';

/** Metadata of transmission and recipient: both count, the recipient's wins. */
const ownData = (mail: Fields, recipient: Fields): Record<string, string> => ({
  ...texts(mail['metadata']),
  ...texts(recipient['metadata']),
});
const valuesOf = (mail: Fields, recipient: Fields): Record<string, string> => ({
  ...texts(mail['metadata']),
  ...texts(mail['substitution_data']),
  ...texts(recipient['metadata']),
  ...texts(recipient['substitution_data']),
});

const takenRecipients = (mail: Fields): readonly Fields[] =>
  list(mail['recipients']).filter((recipient): recipient is Fields => recipientFault(recipient) === undefined);

const senderOf = (content: Fields): Mailbox => {
  const { from } = content;
  return isFields(from)
    ? { email: text(from['email']), name: textOrNull(from['name']) }
    : { email: text(from), name: null };
};

const takenOf = (mail: Fields, providerMessageId: string): TakenMessage[] => {
  const content = isFields(mail['content']) ? mail['content'] : {};
  return takenRecipients(mail)
    .filter((recipient) => !isCopy(recipient))
    .map((recipient) => {
      const own = ownData(mail, recipient);
      return {
        email: text(recipientAddress(recipient)['email']),
        providerMessageId,
        messageId: own['mf_message_id'] ?? null,
        attemptId: own['mf_attempt_id'] ?? null,
        own,
        tags: list(recipient['tags']).map(text),
        subject: renderTemplate(text(content['subject']), valuesOf(mail, recipient), 'header'),
        from: senderOf(content).email,
      };
    });
};

const attachmentsOf = (content: Fields): AcceptedMessage['attachments'] =>
  ['inline_images', 'attachments'].flatMap((field) =>
    list(content[field])
      .filter(isFields)
      .map((file) => ({
        filename: text(file['name']),
        contentType: text(file['type']),
        contentId: field === 'inline_images' ? text(file['name']) : null,
        sha256: sha256(Buffer.from(text(file['data']), 'base64')),
      })),
  );

const render = (body: Buffer, [providerMessageId = '']: readonly string[]): readonly AcceptedMessage[] => {
  const mail = parseBody(body);
  if (!isFields(mail) || !isFields(mail['content'])) return [];
  const { content } = mail;
  const attachments = attachmentsOf(content);
  const recipients = takenRecipients(mail);
  const copies = recipients.filter(isCopy).map(recipientAddress);
  const given = Object.entries(texts(content['headers']));
  const cc = mailboxes(given.find(([name]) => name.toLowerCase() === 'cc')?.[1]);
  const inCc = new Set(cc.map(({ email }) => email.toLowerCase()));
  const replyTo = mailboxes(content['reply_to'])[0];
  return recipients
    .filter((recipient) => !isCopy(recipient))
    .map((recipient) => {
      const { email, name } = recipientAddress(recipient);
      const values = valuesOf(mail, recipient);
      const own = ownData(mail, recipient);
      const part = (value: unknown, place: 'header' | 'text' | 'html'): string | null =>
        typeof value === 'string' ? renderTemplate(value, values, place) : null;
      const sender = senderOf(content);
      const bcc = copies
        .filter((copy) => mailboxes(copy['header_to'])[0]?.email === email)
        .map((copy) => text(copy['email']))
        .filter((copy) => !inCc.has(copy.toLowerCase()));
      return {
        messageId: own['mf_message_id'] ?? null,
        attemptId: own['mf_attempt_id'] ?? null,
        email: text(email),
        name: textOrNull(name),
        subject: part(content['subject'], 'header') ?? '',
        text: part(content['text'], 'text'),
        html: part(content['html'], 'html'),
        headers: Object.fromEntries(
          given
            .filter(([header]) => header.toLowerCase() !== 'cc')
            .map(([header, value]) => [header, renderTemplate(value, values, 'header')]),
        ),
        from: mailboxText({ ...sender, name: part(sender.name, 'header') }),
        replyTo: replyTo === undefined ? null : mailboxText(replyTo),
        cc: cc.map(mailboxText),
        bcc,
        providerMessageId,
        attachments,
      };
    });
};

/** Takes what can be taken of a transmission that is right as a whole, and counts the rest. */
const transmit = (mail: Fields): Receipt => {
  const faults = list(mail['recipients']).flatMap((recipient) => recipientFault(recipient) ?? []);
  const accepted = list(mail['recipients']).length - faults.length;
  if (accepted === 0)
    return refused(errors(400, [{ message: 'At least one valid recipient is required', code: '5002' }]));
  const id = `${randomInt(1, 2 ** 40)}${String(randomInt(10 ** 9)).padStart(9, '0')}`;
  const results = { total_rejected_recipients: faults.length, total_accepted_recipients: accepted, id };
  const partly = { message: 'transmission created, but with validation errors', code: '2000' };
  const body =
    faults.length === 0 ? { results } : { errors: [partly], results: { rcpt_to_errors: faults, ...results } };
  return { answer: jsonAnswer(200, body), taken: takenOf(mail, id), providerIds: [id] };
};

/** SparkPost's transmissions, with its idempotency keys, and its event webhook. */
export const simulatedSparkpost = ({ apiKey, webhookUser, webhookPassword }: SparkpostOptions): SimulatedEsp => {
  const answered = new Map<string, { readonly bodySha256: string; readonly answer: WireAnswer }>();

  const receive: SimulatedEsp['receive'] = ({ headers, body }) => {
    const { authorization } = headers;
    if (authorization === undefined || (apiKey !== undefined && authorization !== apiKey)) {
      return refused(error(401, 'Unauthorized.'));
    }
    if (body.length > maxBodyBytes) return refused(error(413, 'Request Entity Too Large'));
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
      return refused(error(415, 'Unsupported Media Type'));
    }
    const key = headers['idempotency-key'];
    if (key !== undefined && (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key))) {
      return refused(error(400, 'invalid idempotency key', '1602'));
    }
    const bodySha256 = key === undefined ? '' : sha256(body);
    const earlier = key === undefined ? undefined : answered.get(key);
    if (earlier !== undefined) {
      if (earlier.bodySha256 !== bodySha256) {
        return refused(error(409, 'resource conflict', '1600', 'the idempotency key was used for another body'));
      }
      const { answer } = earlier;
      return refused({ ...answer, headers: { ...answer.headers, 'x-idempotent-replayed': 'true' } });
    }
    const mail = parseBody(body);
    if (!isFields(mail)) {
      return refused(error(400, 'invalid data format/type', '1300', 'Problems parsing request as JSON'));
    }
    const faults = transmissionFaults(mail);
    if (faults.length > 0) return refused(errors(422, faults));
    const receipt = transmit(mail);
    if (key !== undefined && receipt.taken.length > 0) {
      answered.set(key, { bodySha256, answer: receipt.answer });
      const [oldest] = answered.keys();
      if (answered.size > rememberedKeys && oldest !== undefined) answered.delete(oldest);
    }
    return receipt;
  };

  return {
    kind: 'sparkpost',
    paths: ['/api/v1/transmissions'],
    defaults: { ...calmSettings, delivered: 0.975, bounced: 0.015, opened: 0.38, clicked: 0.06, complained: 0.001 },
    outage: () => error(503, 'Service Unavailable', undefined, 'Try again later.'),
    throttled: () => error(429, 'Too many requests'),
    broken: () => error(500, 'Internal Server Error'),
    receive,
    reset: () => {
      answered.clear();
    },
    render,
    webhook: sparkpostWebhook(
      webhookUser === undefined || webhookPassword === undefined
        ? undefined
        : { user: webhookUser, password: webhookPassword },
    ),
  };
};

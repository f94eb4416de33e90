import { createPrivateKey, randomBytes } from 'node:crypto';
import { calmSettings } from './control.ts';
import { sendgridFaults, type Fault } from './sendgrid-check.ts';
import { sendgridWebhook } from './sendgrid-events.ts';
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
  sha256,
  text,
  textOrNull,
  texts,
  type Fields,
  type Mailbox,
} from './wire-values.ts';

// twilio.com/docs/sendgrid/api-reference/mail-send: the wire protocol as a caller meets it.

export interface SendgridOptions {
  /** The key that callers must show; undefined takes any. */
  readonly apiKey?: string | undefined;
  /** PEM of the EC key that signs the webhooks; undefined leaves them unsigned. */
  readonly privateKey?: string | undefined;
}

const maxBodyBytes = 30_000_000;

const errors = (status: number, faults: readonly Fault[], headers: Record<string, string> = {}): WireAnswer =>
  jsonAnswer(status, { errors: faults.map(({ message, field }) => ({ message, field, help: null })) }, headers);
const error = (status: number, message: string, headers?: Record<string, string>): WireAnswer =>
  errors(status, [{ message, field: null }], headers);

const tooLarge: WireAnswer = {
  status: 413,
  headers: { 'content-type': 'text/html' },
  body: '<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n',
};

const mailbox = (value: unknown): Mailbox => {
  const { email, name } = isFields(value) ? value : {};
  return { email: text(email), name: textOrNull(name) };
};

/** Own data of message and personalization: both count, the personalization's wins. */
const ownData = (mail: Fields, personalization: Fields): Record<string, string> => ({
  ...texts(mail['custom_args']),
  ...texts(personalization['custom_args']),
});

const takenOf = (mail: Fields, providerMessageId: string): TakenMessage[] => {
  const tags = list(mail['categories']).map(text);
  const from = mailbox(mail['from']).email;
  return list(mail['personalizations']).flatMap((personalization) => {
    if (!isFields(personalization)) return [];
    const own = ownData(mail, personalization);
    const [to] = list(personalization['to']);
    return {
      email: mailbox(to).email,
      providerMessageId,
      messageId: own['mf_message_id'] ?? null,
      attemptId: own['mf_attempt_id'] ?? null,
      own,
      tags,
      subject: text(personalization['subject'] ?? mail['subject']),
      from,
    };
  });
};

const isSandbox = (mail: Fields): boolean => {
  const settings = mail['mail_settings'];
  const sandbox = isFields(settings) ? settings['sandbox_mode'] : undefined;
  return isFields(sandbox) && sandbox['enable'] === true;
};

const substitute = (words: string, substitutions: readonly (readonly [string, string])[]): string =>
  substitutions.reduce((result, [key, value]) => result.replaceAll(key, () => value), words);

const render = (body: Buffer, [providerMessageId = '']: readonly string[]): readonly AcceptedMessage[] => {
  const mail = parseBody(body);
  if (!isFields(mail)) return [];
  const part = (type: string): string | null => {
    const found = list(mail['content']).find((content) => isFields(content) && content['type'] === type);
    return isFields(found) ? text(found['value']) : null;
  };
  const [plain, html] = [part('text/plain'), part('text/html')];
  const attachments = list(mail['attachments'])
    .filter(isFields)
    .map((attachment) => ({
      filename: text(attachment['filename']),
      contentType: text(attachment['type']),
      contentId: textOrNull(attachment['content_id']),
      sha256: sha256(Buffer.from(text(attachment['content']), 'base64')),
    }));
  return list(mail['personalizations'])
    .filter(isFields)
    .map((personalization) => {
      const substitutions = Object.entries(texts(personalization['substitutions']));
      const own = ownData(mail, personalization);
      const boxes = (value: unknown): string[] => list(value).map((address) => mailboxText(mailbox(address)));
      const [to] = list(personalization['to']);
      return {
        messageId: own['mf_message_id'] ?? null,
        attemptId: own['mf_attempt_id'] ?? null,
        ...mailbox(to),
        subject: substitute(text(personalization['subject'] ?? mail['subject']), substitutions),
        text: plain === null ? null : substitute(plain, substitutions),
        html: html === null ? null : substitute(html, substitutions),
        headers: { ...texts(mail['headers']), ...texts(personalization['headers']) },
        from: mailboxText(mailbox(personalization['from'] ?? mail['from'])),
        replyTo: mail['reply_to'] === undefined ? null : mailboxText(mailbox(mail['reply_to'])),
        cc: boxes(personalization['cc']),
        bcc: boxes(personalization['bcc']),
        providerMessageId,
        attachments,
      };
    });
};

/** SendGrid's v3 `mail/send` and event webhook. Throws when the private key is none. */
export const simulatedSendgrid = ({ apiKey, privateKey }: SendgridOptions): SimulatedEsp => ({
  kind: 'sendgrid',
  paths: ['/v3/mail/send'],
  defaults: { ...calmSettings, delivered: 0.97, bounced: 0.02, opened: 0.35, clicked: 0.05, complained: 0.001 },
  outage: () => error(503, 'Service Unavailable'),
  throttled: (now) =>
    error(429, 'too many requests', {
      'x-ratelimit-limit': '600',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(Math.ceil(now.getTime() / 1000) + 1),
    }),
  broken: () => error(500, 'Internal Server Error'),
  receive: ({ headers, body }) => {
    const key = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    if (key === undefined || (apiKey !== undefined && key !== apiKey)) {
      return refused(error(401, 'The provided authorization grant is invalid, expired, or revoked'));
    }
    if (body.length > maxBodyBytes) return refused(tooLarge);
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
      return refused(error(415, 'Content-Type should be application/json.'));
    }
    const mail = parseBody(body);
    if (!isFields(mail)) return refused(error(400, 'Bad Request'));
    const faults = sendgridFaults(mail, new Date());
    if (faults.length > 0) return refused(errors(400, faults));
    if (isSandbox(mail)) return refused({ status: 200, headers: {}, body: '' });
    const id = randomBytes(16).toString('base64url');
    return {
      answer: { status: 202, headers: { 'x-message-id': id }, body: '' },
      taken: takenOf(mail, id),
      providerIds: [id],
    };
  },
  render,
  webhook: sendgridWebhook(privateKey === undefined ? undefined : createPrivateKey(privateKey)),
});

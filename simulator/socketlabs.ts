import { calmSettings } from './control.ts';
import { mergeRows, messageVerdict } from './socketlabs-check.ts';
import { socketlabsWebhook } from './socketlabs-events.ts';
import {
  jsonAnswer,
  refused,
  type AcceptedMessage,
  type SimulatedEsp,
  type TakenMessage,
  type WireAnswer,
} from './simulated-esp.ts';
import {
  isAddress,
  isFields,
  list,
  mailboxText,
  parseBody,
  sha256,
  text,
  textOrNull,
  type Fields,
  type Mailbox,
} from './wire-values.ts';

// SocketLabs' Injection API: the wire protocol as a caller meets it.

export interface SocketlabsOptions {
  /** The server and key that callers must show; undefined takes any. */
  readonly serverId?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly webhookSecret?: string | undefined;
}

const maxMessages = 10;

const answer = (status: number, ErrorCode: string, MessageResults: readonly unknown[] | null = null): WireAnswer =>
  jsonAnswer(status, { ErrorCode, TransactionReceipt: null, MessageResults });

const mailbox = (value: unknown): Mailbox => {
  const { emailAddress, friendlyName } = isFields(value) ? value : {};
  return { email: text(emailAddress), name: textOrNull(friendlyName) };
};

const pairs = (value: unknown, key: string, entry: string): Record<string, string> =>
  Object.fromEntries(
    list(value)
      .filter(isFields)
      .map((pair) => [text(pair[key]), text(pair[entry])]),
  );

type Row = ReadonlyMap<string, string>;

// A field that the row lacks stays as it stands.
const merge = (words: string, row: Row): string =>
  words.replace(/%%(\w+)%%/g, (whole, field: string) => row.get(field) ?? whole);

/** One recipient of a message, with the row that its texts are merged with. */
interface Envelope {
  readonly to: Mailbox;
  readonly row: Row;
}

const envelopesOf = (message: Fields): readonly Envelope[] => {
  const rows = mergeRows(message);
  if (rows === undefined) {
    const all = list(message['to']).map((to): Envelope => ({ to: mailbox(to), row: new Map() }));
    return all.filter(({ to }) => isAddress(to.email));
  }
  const pattern = mailbox(list(message['to'])[0]);
  return rows
    .map((row) => ({
      to: { email: merge(pattern.email, row), name: pattern.name === null ? null : merge(pattern.name, row) },
      row,
    }))
    .filter(({ to }) => isAddress(to.email));
};

/** The caller's own ids: in the metadata, or in the fields of a row, which no webhook brings back. */
const idsOf = (message: Fields, row: Row): { readonly messageId: string | null; readonly attemptId: string | null } => {
  const own = pairs(message['metadata'], 'key', 'value');
  return {
    messageId: own['mf_message_id'] ?? row.get('mf_message_id') ?? null,
    attemptId: own['mf_attempt_id'] ?? row.get('mf_attempt_id') ?? null,
  };
};

const takenOf = (message: Fields): TakenMessage[] =>
  envelopesOf(message).map(({ to, row }) => ({
    email: to.email,
    providerMessageId: text(message['messageId']),
    ...idsOf(message, row),
    own: pairs(message['metadata'], 'key', 'value'),
    tags: list(message['tags']).map(text),
    subject: merge(text(message['subject']), row),
    from: mailbox(message['from']).email,
  }));

const acceptedOf = (message: Fields): AcceptedMessage[] => {
  const { replyTo } = message;
  const attachments = list(message['attachments'])
    .filter(isFields)
    .map((attachment) => ({
      filename: text(attachment['name']),
      contentType: text(attachment['contentType']),
      contentId: textOrNull(attachment['contentId']),
      sha256: sha256(Buffer.from(text(attachment['content']), 'base64')),
    }));
  const boxes = (value: unknown): string[] => list(value).map((address) => mailboxText(mailbox(address)));
  return envelopesOf(message).map(({ to, row }) => {
    const part = (value: unknown): string | null => (typeof value === 'string' ? merge(value, row) : null);
    return {
      ...idsOf(message, row),
      ...to,
      subject: part(message['subject']) ?? '',
      text: part(message['textBody']),
      html: part(message['htmlBody']),
      headers: pairs(message['customHeaders'], 'name', 'value'),
      from: mailboxText(mailbox(message['from'])),
      replyTo: replyTo === undefined ? null : mailboxText(mailbox(replyTo)),
      cc: boxes(message['cc']),
      bcc: boxes(message['bcc']),
      providerMessageId: text(message['messageId']),
      attachments,
    };
  });
};

const takenMessages = (body: Fields): readonly Fields[] =>
  list(body['messages']).filter((message): message is Fields => isFields(message) && messageVerdict(message).isTaken);

/** A key of today comes as Bearer, one of the older kind in the body. */
const keyOf = (authorization: string | undefined, body: Fields): string => {
  const bearer = /^Bearer (.+)$/.exec(authorization ?? '')?.[1];
  return bearer ?? text(body['apiKey']);
};

/** SocketLabs' `/api/v1/email` and event webhook. */
export const simulatedSocketlabs = ({ serverId, apiKey, webhookSecret }: SocketlabsOptions): SimulatedEsp => ({
  kind: 'socketlabs',
  paths: ['/api/v1/email'],
  defaults: { ...calmSettings, delivered: 0.965, bounced: 0.02, opened: 0.33, clicked: 0.05, complained: 0.0012 },
  outage: () => answer(503, 'InternalError'),
  throttled: () => answer(429, 'TooManyErrors'),
  broken: () => answer(500, 'InternalError'),
  receive: ({ headers, body }) => {
    const parsed = parseBody(body);
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '') || !isFields(parsed)) {
      return refused(answer(400, 'InvalidData'));
    }
    const key = keyOf(headers.authorization, parsed);
    const server = parsed['serverId'];
    const isServer = typeof server === 'number' && (serverId === undefined || server === Number(serverId));
    if (!isServer || key === '' || (apiKey !== undefined && key !== apiKey)) {
      return refused(answer(401, 'InvalidAuthentication'));
    }
    const messages = list(parsed['messages']);
    if (messages.length === 0) return refused(answer(200, 'NoMessages'));
    if (messages.length > maxMessages) return refused(answer(200, 'TooManyMessages'));
    const verdicts = messages.map(messageVerdict);
    // Only what failed is listed.
    const results = verdicts.flatMap(({ ErrorCode, AddressResults }, Index) =>
      ErrorCode === 'Success' ? [] : [{ Index, ErrorCode, AddressResults }],
    );
    const isNobodys = verdicts.every(({ ErrorCode }) => ErrorCode === 'NoValidRecipients');
    const code = results.length === 0 ? 'Success' : isNobodys ? 'NoValidRecipients' : 'Warning';
    const taken = takenMessages(parsed);
    return {
      answer: answer(200, code, results),
      taken: taken.flatMap(takenOf),
      // The ids are the caller's own: SocketLabs gives none.
      providerIds: taken.map((message) => text(message['messageId'])),
    };
  },
  render: (body) => {
    const parsed = parseBody(body);
    return isFields(parsed) ? takenMessages(parsed).flatMap(acceptedOf) : [];
  },
  webhook: socketlabsWebhook(webhookSecret),
});

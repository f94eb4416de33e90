import { createHash } from 'node:crypto';

// Message ids are UUIDs of version 7 (RFC 9562 §5.7) that anyone who knows the request id and the recipient's index can
// compute again: a redelivered record yields the same ids, and a table sorted by them is written at one end only.
const uuidV7 = (timestampHex: string, afterVersion: string, afterVariant: string): string => {
  const variant = (8 + (parseInt(afterVariant[0] ?? '0', 16) & 3)).toString(16);
  const hex = timestampHex + '7' + afterVersion + variant + afterVariant.slice(1);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
const hexMillis = (ms: number): string => Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0').slice(-12);
const sortableRequestId = /^req_([0-9a-f]{8})-([0-9a-f]{4})-7/;

/**
 * The ids of a request's messages, as a function of the recipient's index (0–65,535).
 * Sorted like the recipients; the time is the request id's where it has one, so that ids grow with time.
 */
export const messageIdsOf = (requestId: string): ((index: number) => string) => {
  const hash = sha256(requestId);
  const time = sortableRequestId.exec(requestId);
  const timestamp = time ? `${time[1] ?? ''}${time[2] ?? ''}` : hash.slice(20, 32);
  return (index) => {
    const digits = index.toString(16).padStart(4, '0');
    // 12 bits of the index after the version, the last 4 after the two variant bits, then 58 bits of the request.
    const low = parseInt(digits[3] ?? '0', 16);
    const head = ((low >> 2) & 3).toString(16);
    const next = (((low & 3) << 2) | (parseInt(hash[0] ?? '0', 16) & 3)).toString(16);
    return uuidV7(timestamp, digits.slice(0, 3), head + next + hash.slice(1, 15));
  };
};

/**
 * The id of a request that came as a Kafka record without one (`contract` §8): the same record, however often it is
 * delivered or replayed, is the same request. The record's timestamp leads, so that these ids are sortable too.
 */
export const requestIdOfRecord = (origin: {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly timestampMs: number;
  readonly value: Uint8Array;
}): string => {
  const { cluster, topic, partition, offset, timestampMs, value } = origin;
  const hash = sha256([cluster, topic, partition, offset, timestampMs, sha256(value)].join('\n'));
  return `req_${uuidV7(hexMillis(timestampMs), hash.slice(0, 3), hash.slice(3, 19))}`;
};

/**
 * The id of a request that carries an idempotency key: the same key and body of the same account is the same request, also
 * when nobody remembers the key any more. The body counts too, so that a key that is used again after its day stands for
 * another request instead of hiding it.
 */
export const requestIdOfKey = (accountId: string, idempotencyKey: string, bodyHash: Uint8Array): string => {
  const hash = sha256(`${accountId}\n${idempotencyKey}\n${Buffer.from(bodyHash).toString('hex')}`);
  return `req_${uuidV7(hash.slice(0, 12), hash.slice(12, 15), hash.slice(15, 31))}`;
};

/** What callers see of a message id; storage keeps the bare UUID. */
export const publicMessageId = (uuid: string): string => `msg_${uuid}`;

const messageIdShape = /^(?:msg_)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;

/** The UUID inside a public message id, or undefined when the text is none. */
export const messageUuid = (text: string): string | undefined => messageIdShape.exec(text)?.[1]?.toLowerCase();

/**
 * Takes a message id apart into what all messages of its request have in common, and the recipient's index: so that a
 * process can tell from an id alone which of the requests it knows the message belongs to.
 */
export const messageFamily = (uuid: string): { readonly family: string; readonly index: number } => {
  const hex = uuid.replaceAll('-', '');
  const head = parseInt(hex[16] ?? '0', 16);
  const next = parseInt(hex[17] ?? '0', 16);
  const low = ((head & 3) << 2) | (next >> 2);
  return {
    family: `${hex.slice(0, 12)}${next & 3}${hex.slice(18)}`,
    index: parseInt(hex.slice(13, 16), 16) * 16 + low,
  };
};

/** Names one try to hand one message to one ESP; it travels in the ESP's own-data field and comes back in webhooks. */
export const attemptId = (uuid: string, number: number): string => `${uuid}.${number}`;

/** What an attempt's id is made of. */
export const attemptOf = (id: string): { readonly messageId: string; readonly number: number } => {
  const [messageId = '', number = ''] = id.split('.');
  return { messageId, number: Number(number) };
};

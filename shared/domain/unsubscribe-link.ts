import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from './derived-key.ts';

/** What a link to unsubscribe is bound to. */
export interface UnsubscribeClaim {
  readonly accountId: string;
  readonly email: string;
  readonly list: string;
  /** The message's UUID. */
  readonly messageId: string;
}

/** Makes the link of one message. */
export type MakeLink = (claim: UnsubscribeClaim) => string;

// Form 1: version, UUID, then three texts behind their lengths in two bytes. Short, since the link stands in a header, whose
// lines end at 998 characters (RFC 5322 §2.1.1).
const version = 1;
const macBytes = 16;
const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const lengthy = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

const macOf = (key: Buffer, payload: Buffer): Buffer =>
  createHmac('sha256', key).update(payload).digest().subarray(0, macBytes);

/** The key that links are signed with, of the fleet's secret. */
export const unsubscribeKey = (secret: string): Buffer => deriveKey(secret, 'unsubscribe links');

/** A claim → the token that proves it; it never expires, as a mail may be opened years later. Base64url. */
export const makeUnsubscribeToken = (key: Buffer, { accountId, email, list, messageId }: UnsubscribeClaim): string => {
  const payload = Buffer.concat([
    Buffer.of(version),
    Buffer.from(messageId.replaceAll('-', ''), 'hex'),
    lengthy(accountId),
    lengthy(list),
    lengthy(email),
  ]);
  return Buffer.concat([payload, macOf(key, payload)]).toString('base64url');
};

/** The claim that a token proves; undefined when it was not signed with this key, or changed since. In constant time. */
export const readUnsubscribeToken = (key: Buffer, token: string): UnsubscribeClaim | undefined => {
  const bytes = Buffer.from(token, 'base64url');
  // Other spellings of the same bytes are not ours.
  if (bytes.length < macBytes + 23 || bytes.toString('base64url') !== token) return undefined;
  const payload = bytes.subarray(0, -macBytes);
  if (!timingSafeEqual(macOf(key, payload), bytes.subarray(-macBytes)) || payload[0] !== version) return undefined;
  const hex = payload.toString('hex', 1, 17);
  const texts: string[] = [];
  for (let at = 17; at + 2 <= payload.length;) {
    const end = at + 2 + payload.readUInt16BE(at);
    texts.push(payload.toString('utf8', at + 2, end));
    at = end;
  }
  const [accountId = '', list = '', email = ''] = texts;
  const messageId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return uuidShape.test(messageId) ? { accountId, list, email, messageId } : undefined;
};

/** Makes links under the address at which others reach the ingress. */
export const linkMaker = (key: Buffer, publicUrl: string): MakeLink => {
  const base = `${publicUrl.replace(/\/+$/, '')}/u/`;
  return (claim) => `${base}${makeUnsubscribeToken(key, claim)}`;
};

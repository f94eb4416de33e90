import { createHash } from 'node:crypto';

/** A new key: the text that its owner keeps, and what is stored of it. */
export interface NewApiKey {
  readonly key: string;
  readonly prefix: string;
  readonly secretHash: Buffer;
}

const shape = /^(mf_[a-z0-9]{8})_[A-Za-z0-9_-]{43}$/;
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const shortLength = 8;
const secretBytes = 32;

/** What is stored of a key. A plain SHA-256 is enough: 256 random bits cannot be guessed, so nothing need slow guesses down. */
export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest();

/** How a key begins, or undefined when the text has not the form `mf_<short>_<secret>`: then no look-up is needed. */
export const prefixOf = (text: string): string | undefined => shape.exec(text)?.[1];

/** Makes a key. `randomBytes` answers that many unpredictable bytes. */
export const makeKey = (randomBytes: (count: number) => Buffer): NewApiKey => {
  // The short part is no secret: a little bias of the modulo is harmless.
  const short = [...randomBytes(shortLength)].map((byte) => letters[byte % letters.length] ?? 'a').join('');
  const prefix = `mf_${short}`;
  const key = `${prefix}_${randomBytes(secretBytes).toString('base64url')}`;
  return { key, prefix, secretHash: hashKey(key) };
};

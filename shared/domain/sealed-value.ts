import { createCipheriv, createDecipheriv } from 'node:crypto';
import { InvalidMessageError } from '../errors.ts';

// AES-256-GCM (NIST SP 800-38D): 12 bytes of nonce, 16 of tag.
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Seals a text under a key of 32 bytes, as base64url of nonce, tag and ciphertext. It opens only with the same key and
 * `boundTo`, so that it says nothing in another place. `nonce` (12 bytes) must be random.
 */
export const sealValue = (key: Uint8Array, boundTo: string, text: string, nonce: Uint8Array): string => {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(boundTo));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
};

/** What was sealed. Throws `InvalidMessageError` (`sealed-value`) for whatever was not sealed by this key for this place. */
export const openValue = (key: Uint8Array, boundTo: string, sealed: string): string => {
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(boundTo));
    decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
    const body = decipher.update(bytes.subarray(nonceBytes + tagBytes));
    return Buffer.concat([body, decipher.final()]).toString('utf8');
  } catch (error) {
    throw new InvalidMessageError(
      'sealed-value',
      'A sealed value was not sealed by this fleet for this message.',
      error,
    );
  }
};

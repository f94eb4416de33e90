import { hkdfSync } from 'node:crypto';

/**
 * A key of 32 bytes for one purpose, made of the fleet's secret (HKDF-SHA256, RFC 5869): whoever learns one learns nothing of
 * the others nor of the secret. The same secret and purpose give the same key in every process.
 */
export const deriveKey = (secret: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `mailfleet ${purpose}`, 32));

import { hkdfSync } from 'node:crypto';

/**
 * A key of 32 bytes for one purpose, from the fleet's secret (JWT_SECRET) by HKDF-SHA256 (RFC 5869): who learns one of
 * them learns neither the secret nor another. The same secret and purpose give the same key in every process.
 */
export const deriveKey = (secret: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `mailfleet ${purpose}`, 32));

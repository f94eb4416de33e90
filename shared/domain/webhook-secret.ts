import { deriveKey } from './derived-key.ts';

/** The key that the secrets of webhooks are sealed under in Postgres, bound to the endpoint's id. */
export const webhookSecretKey = (secret: string): Buffer => deriveKey(secret, 'webhook secrets');

/** A new secret in the form of Standard Webhooks: `whsec_` and 32 random bytes as base64. */
export const makeWebhookSecret = (randomBytes: (count: number) => Buffer): string =>
  `whsec_${randomBytes(32).toString('base64')}`;

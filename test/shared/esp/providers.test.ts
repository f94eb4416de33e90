import { describe, expect, it } from '@jest/globals';
import { configuredEsps } from '../../../shared/esp/accounts.ts';
import { providers, webhookProvider } from '../../../shared/esp/providers.ts';

const now = () => new Date();

describe('The list of ESPs', () => {
  it('has an ESP on when its credentials are set', async () => {
    expect(configuredEsps({})).toEqual([]);
    const esps = configuredEsps({ SENDGRID_API_KEY: 'SG.x', POSTMARK_SERVER_TOKEN: 't' });
    expect(esps.map(({ name, kind }) => [name, kind])).toEqual([
      ['sendgrid', 'sendgrid'],
      ['postmark', 'postmark'],
    ]);
    await Promise.all(esps.map((esp) => esp.close()));
  });

  it('believes no webhook without a credential', () => {
    for (const provider of providers) expect(provider.verifier({ POSTMARK_WEBHOOK_USER: 'u' }, now)).toBeUndefined();
    const postmark = webhookProvider('postmark')?.verifier(
      { POSTMARK_WEBHOOK_USER: 'u', POSTMARK_WEBHOOK_PASSWORD: 'p' },
      now,
    );
    expect(postmark?.({ rawBody: Buffer.alloc(0), headers: {} })).toBe(false);
  });

  it('has a relay on with its host, and no webhooks of it', async () => {
    const esps = configuredEsps({ SMTP_HOST: 'mail.acme.example', SMTP_PORT: 587 });
    // Five connections, and two messages that are made while they are busy.
    expect(esps.map(({ kind, limits }) => [kind, limits.concurrentCalls])).toEqual([['smtp', 7]]);
    await Promise.all(esps.map((esp) => esp.close()));
    expect(webhookProvider('smtp')).toBeUndefined();
  });

  it('has SES on with its keys and a sign that they are meant for it', async () => {
    const keys = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' };
    expect(configuredEsps(keys)).toEqual([]);
    expect(configuredEsps({ SES_CONFIGURATION_SET: 'set' })).toEqual([]);
    for (const sign of [{ SES_CONFIGURATION_SET: 'set' }, { SES_BASE_URL: 'http://127.0.0.1:1' }]) {
      const esps = configuredEsps({ ...keys, ...sign });
      expect(esps.map(({ kind }) => kind)).toEqual(['ses']);
      await Promise.all(esps.map((esp) => esp.close()));
    }
  });

  it('knows webhooks by the name of their ESP', () => {
    expect(webhookProvider('sendgrid')?.kind).toBe('sendgrid');
    expect(webhookProvider('nobody')).toBeUndefined();
    expect(webhookProvider('constructor')).toBeUndefined();
  });
});

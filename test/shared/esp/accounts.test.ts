import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../shared/errors.ts';
import { configuredEsps, espAccounts, webhookAccounts } from '../../../shared/esp/accounts.ts';
import { providers, type EspSettings } from '../../../shared/esp/providers.ts';

const folder = mkdtempSync(join(tmpdir(), 'mailfleet-accounts-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
let files = 0;
const fileOf = (text: string): string => {
  const path = join(folder, `${(files += 1)}.json`);
  writeFileSync(path, text);
  return path;
};
const settingsOf = (content: unknown, more: EspSettings = {}): EspSettings => ({
  ...more,
  ESP_ACCOUNTS_FILE: fileOf(JSON.stringify(content)),
});
const account = (name: string, kind: string, settings: Readonly<Record<string, unknown>>) => ({ name, kind, settings });
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
};
const refusalOf = (content: unknown, more?: EspSettings): string =>
  refusal(() => espAccounts(settingsOf(content, more)));
const eu = account('sendgrid-eu', 'sendgrid', { SENDGRID_API_KEY: 'SG.eu' });

describe('The accounts', () => {
  it('are the first of each kind and those of the file, which are on beside them', async () => {
    const key = fileOf('SG.from-a-file\n');
    const esps = configuredEsps(
      settingsOf(
        {
          accounts: [
            account('sendgrid-eu', 'sendgrid', { SENDGRID_API_KEY_FILE: key, SENDGRID_BASE_URL: 'http://127.0.0.1:1' }),
            account('relay-2', 'smtp', { SMTP_HOST: 'mail.acme.example', SMTP_PORT: 587, SMTP_CONNECTIONS: '3' }),
            account('ses-eu', 'ses', {
              AWS_REGION: 'eu-west-1',
              AWS_ACCESS_KEY_ID: 'k',
              AWS_SECRET_ACCESS_KEY: 's',
              SES_CONFIGURATION_SET: 'set',
            }),
          ],
        },
        { SENDGRID_API_KEY: 'SG.x' },
      ),
    );
    expect(esps.map(({ name, kind, limits }) => [name, kind, limits.concurrentCalls])).toEqual([
      ['sendgrid', 'sendgrid', expect.any(Number)],
      ['sendgrid-eu', 'sendgrid', expect.any(Number)],
      // Its three connections, and two messages made ahead.
      ['relay-2', 'smtp', 5],
      ['ses-eu', 'ses', expect.any(Number)],
    ]);
    await Promise.all(esps.map((esp) => esp.close()));
    expect(configuredEsps(settingsOf({ accounts: [] }))).toEqual([]);
  });

  it('have none of the first account’s settings', () => {
    const found = espAccounts(settingsOf({ accounts: [eu] }, { SENDGRID_BASE_URL: 'http://127.0.0.1:2' }));
    const settings = found.find(({ name }) => name === 'sendgrid-eu')?.settings;
    expect(settings).toMatchObject({ SENDGRID_API_KEY: 'SG.eu' });
    expect(settings?.SENDGRID_BASE_URL).toBeUndefined();
  });

  it('are on exactly when nothing is missing that their provider needs', async () => {
    for (const provider of providers) {
      const { kind, needs } = provider;
      const all = Object.fromEntries(
        needs.map(([name = 'NODE_ENV']) => [name, name.endsWith('_URL') ? 'http://127.0.0.1:1' : 'SG.x']),
      ) as EspSettings;
      const esp = provider.createEsp(all, kind);
      expect(esp?.name).toBe(kind);
      await esp?.close();
      for (const [name = 'NODE_ENV'] of needs) {
        expect(provider.createEsp({ ...all, [name]: undefined }, kind)).toBeUndefined();
      }
    }
  });
});

describe('A file of accounts', () => {
  it('is refused with every fault in one message, by account and variable and without a value', () => {
    const message = refusalOf({
      accounts: [
        account('sendgrid-eu', 'sendgrid', { SENDGRID_API_KEY: 'canary-key', SENDGRID_BASE_URL: 'canary-url' }),
        account('sendgrid-eu', 'postmark', { POSTMARK_SERVER_TOKEN: 'canary-token' }),
        account('Canary Name', 'sendgrid', { SENDGRID_API_KEY: 'canary-key' }),
        account('postmark', 'postmark', { POSTMARK_SERVER_TOKEN: 'canary-token' }),
        account('typo', 'sendgrid', { SENDGRID_APIKEY: 'canary-key' }),
        account('foreign', 'postmark', { POSTMARK_SERVER_TOKEN: 'canary-token', SENDGRID_API_KEY: 'canary-key' }),
        account('novel', 'canary-kind', {}),
        account('ses-2', 'ses', { AWS_ACCESS_KEY_ID: 'canary-id', NODE_ENV: 'canary-env' }),
        account('gone', 'sparkpost', { SPARKPOST_API_KEY_FILE: join(folder, 'canary-path') }),
        account('empty', 'sparkpost', { SPARKPOST_API_KEY: '' }),
        account('relay', 'smtp', { SMTP_HOST: 'canary-host', SMTP_PORT: 70_000 }),
      ],
    });
    expect(
      message
        .split('\n')
        .slice(1)
        .map((line) => line.replace(/^ {2}- ESP_ACCOUNTS_FILE: /, '')),
    ).toEqual([
      expect.stringMatching(/^sendgrid-eu: SENDGRID_BASE_URL: /),
      'sendgrid-eu: name: is taken by another account',
      'account 3: name: must be 1 to 64 of a-z, 0-9 and -',
      'postmark: name: is taken by another account',
      'typo: SENDGRID_APIKEY: is no setting of sendgrid',
      'typo: SENDGRID_API_KEY: is not set',
      'foreign: SENDGRID_API_KEY: is no setting of postmark',
      'novel: kind: is none of sendgrid, postmark, sparkpost, socketlabs, ses, smtp',
      'ses-2: NODE_ENV: is no setting of ses',
      'ses-2: AWS_SECRET_ACCESS_KEY: is not set',
      'ses-2: SES_CONFIGURATION_SET or SES_BASE_URL: is not set',
      'ses-2: AWS_REGION or SES_BASE_URL: is not set',
      'gone: SPARKPOST_API_KEY_FILE: the file cannot be read',
      'empty: SPARKPOST_API_KEY: is not set',
      expect.stringMatching(/^relay: SMTP_PORT: /),
    ]);
    expect(message).not.toMatch(/canary/i);
  });

  it.each<[string, string]>([
    ['is not JSON', '{"accounts": [{"name": "a", "settings": {"SENDGRID_API_KEY": "canary-key"'],
    ['has no accounts', '{}'],
    ['has something else', '{"accounts": [], "account": []}'],
    ['is a list', '[]'],
    ['has an account without settings', '{"accounts": [{"name": "a", "kind": "sendgrid"}]}'],
    [
      'has a setting that is no text',
      '{"accounts": [{"name": "a", "kind": "smtp", "settings": {"SMTP_HOST": ["canary"]}}]}',
    ],
  ])('is refused when it %s', (_, text) => {
    const message = refusal(() => espAccounts({ ESP_ACCOUNTS_FILE: fileOf(text) }));
    expect(message).toContain('ESP_ACCOUNTS_FILE: ');
    expect(message).not.toContain('canary');
  });

  it('is refused when it cannot be read', () => {
    const message = refusal(() => espAccounts({ ESP_ACCOUNTS_FILE: join(folder, 'nothing') }));
    expect(message).toContain('ESP_ACCOUNTS_FILE: the file cannot be read');
  });
});

describe('The webhooks of an account', () => {
  const now = () => new Date();

  it('are checked by its own credential, under its own name', async () => {
    const found = webhookAccounts(
      settingsOf(
        {
          accounts: [
            account('postmark-2', 'postmark', {
              POSTMARK_SERVER_TOKEN: 't',
              POSTMARK_WEBHOOK_USER: 'two',
              POSTMARK_WEBHOOK_PASSWORD: 'p2',
            }),
            account('postmark-3', 'postmark', { POSTMARK_SERVER_TOKEN: 't' }),
            account('relay-2', 'smtp', { SMTP_HOST: 'mail.acme.example' }),
          ],
        },
        { POSTMARK_WEBHOOK_USER: 'one', POSTMARK_WEBHOOK_PASSWORD: 'p1' },
      ),
      now,
    );
    expect([...found.keys()]).toEqual([
      'sendgrid',
      'postmark',
      'sparkpost',
      'socketlabs',
      'ses',
      'postmark-2',
      'postmark-3',
    ]);
    const proofOf = (name: string, credentials: string) =>
      found.get(name)?.verify?.({
        rawBody: Buffer.alloc(0),
        headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
      });
    expect([await proofOf('postmark', 'one:p1'), await proofOf('postmark', 'two:p2')]).toEqual([true, false]);
    expect([await proofOf('postmark-2', 'one:p1'), await proofOf('postmark-2', 'two:p2')]).toEqual([false, true]);
    expect(found.get('postmark-3')).toEqual({ kind: 'postmark', verify: undefined });
  });

  it('are refused together when their credentials cannot be used, production by the environment’s word', () => {
    const settings = settingsOf(
      {
        accounts: [
          account('sendgrid-eu', 'sendgrid', { SENDGRID_API_KEY: 'k', SENDGRID_WEBHOOK_PUBLIC_KEY: 'canary' }),
          account('ses-2', 'ses', {
            AWS_ACCESS_KEY_ID: 'k',
            AWS_SECRET_ACCESS_KEY: 's',
            SES_BASE_URL: 'http://127.0.0.1:1',
            SES_SNS_CERT_FILE: fileOf('canary'),
          }),
        ],
      },
      { NODE_ENV: 'production' },
    );
    const message = refusal(() => webhookAccounts(settings, now));
    expect(message).toContain('ESP_ACCOUNTS_FILE: sendgrid-eu: SENDGRID_WEBHOOK_PUBLIC_KEY: ');
    expect(message).toContain('ESP_ACCOUNTS_FILE: ses-2: SES_SNS_CERT_FILE: is for the simulator');
    expect(message).not.toContain('canary');
  });
});

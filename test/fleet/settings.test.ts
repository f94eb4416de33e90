import { createPrivateKey, createSign, createVerify, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readSecrets, type MadeSecrets } from '../../fleet/secrets.ts';
import { composeSettings } from '../../fleet/settings.ts';

const home = mkdtempSync(join(tmpdir(), 'mailfleet-settings-'));
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});
const secrets: MadeSecrets = readSecrets(home);
const compose = (source: Record<string, string>) => composeSettings(source, () => secrets);

const signedBy = (privateKey: string, publicKey: string): boolean => {
  const signature = createSign('sha256').update('webhook').sign(privateKey);
  const key = { key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' } as const;
  return createVerify('sha256').update('webhook').verify(key, signature);
};

describe('the settings of a fleet on one machine', () => {
  test('fill in everything that nothing is said about', () => {
    const { environment, hasSimulator } = compose({});
    expect(hasSimulator).toBe(true);
    expect(environment).toMatchObject({
      KAFKA_BROKERS: '127.0.0.1:19092',
      DATABASE_URL: `postgres://mailfleet:${secrets.postgresPassword}@127.0.0.1:15432/mailfleet`,
      HOST: '127.0.0.1',
      PORT: '8080',
      PUBLIC_URL: 'http://127.0.0.1:8080',
      ADMIN_API_KEY: secrets.adminKey,
      SENDGRID_BASE_URL: 'http://127.0.0.1:8090/sendgrid',
      POSTMARK_BASE_URL: 'http://127.0.0.1:8090/postmark',
      SIMULATOR_WEBHOOK_URL: 'http://127.0.0.1:8080/webhooks',
    });
    expect(environment['SENDGRID_API_KEY']).toMatch(/^SG\./);
  });

  test('hand the simulator the key whose public half the ingress gets', () => {
    const { environment } = compose({});
    const publicKey = environment['SENDGRID_WEBHOOK_PUBLIC_KEY'] ?? '';
    expect(signedBy(environment['SIMULATOR_SENDGRID_PRIVATE_KEY'] ?? '', publicKey)).toBe(true);
  });

  test('hand the ingress the certificate of the key that signs for SNS', () => {
    const { environment } = compose({});
    const certificate = new X509Certificate(readFileSync(environment['SES_SNS_CERT_FILE'] ?? ''));
    const key = createPrivateKey(environment['SIMULATOR_SES_PRIVATE_KEY'] ?? '');
    expect(certificate.checkPrivateKey(key)).toBe(true);
    expect(environment).toMatchObject({ SES_BASE_URL: 'http://127.0.0.1:8090/ses', AWS_REGION: 'us-east-1' });
  });

  test.each([{ NODE_ENV: 'production' }, { SIMULATOR_SES_PRIVATE_KEY: 'mine' }, { BLOB_S3_BUCKET: 'mail' }])(
    'leave SES out of the simulator beside %j',
    (source) => {
      const { environment, hasSimulator } = compose(source);
      expect(hasSimulator).toBe(true);
      for (const name of ['SES_BASE_URL', 'SES_SNS_CERT_FILE', 'AWS_ACCESS_KEY_ID']) {
        expect(environment).not.toHaveProperty(name);
      }
    },
  );

  test('take keys of AWS alone for no sign of a real ESP', () => {
    expect(compose({ AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' }).hasSimulator).toBe(true);
    expect(compose({ SES_CONFIGURATION_SET: 'set' }).hasSimulator).toBe(false);
  });

  test('take the public half from a private key that is set', () => {
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    const { environment } = compose({ SIMULATOR_SENDGRID_PRIVATE_KEY: own });
    expect(signedBy(own, environment['SENDGRID_WEBHOOK_PUBLIC_KEY'] ?? '')).toBe(true);
  });

  test('never override a variable that is set, though the simulator is on', () => {
    const given = {
      SIMULATOR: 'on',
      KAFKA_BROKERS: 'kafka:9092',
      DATABASE_URL: 'postgres://db/mail',
      SENDGRID_API_KEY: 'SG.mine',
      SENDGRID_BASE_URL: 'http://127.0.0.1:1/own',
      POSTMARK_WEBHOOK_PASSWORD: 'mine',
      ADMIN_API_KEY: 'a key of thirty-two bytes or more',
      SIMULATOR_WEBHOOK_URL: 'http://127.0.0.1:2/webhooks',
    };
    const settings = compose(given);
    expect(settings.environment).toMatchObject(given);
    expect(settings.adminKey).toBe(given.ADMIN_API_KEY);
    expect(settings.hasSimulator).toBe(true);
  });

  test('leave a variable alone whose value stands in a file', () => {
    const { environment } = compose({ SIMULATOR: 'on', SENDGRID_API_KEY_FILE: '/run/secrets/sendgrid' });
    expect(environment).not.toHaveProperty('SENDGRID_API_KEY');
  });

  test.each([
    [{}, true],
    [{ SENDGRID_API_KEY: 'SG.real' }, false],
    [{ POSTMARK_SERVER_TOKEN_FILE: '/run/secrets/postmark' }, false],
    [{ ESP_ACCOUNTS_FILE: '/etc/mailfleet/accounts.json' }, false],
    [{ SENDGRID_API_KEY: '' }, true],
    [{ SENDGRID_API_KEY: 'SG.real', SIMULATOR: 'on' }, true],
    [{ SIMULATOR: 'off' }, false],
  ])('%j: the simulator is on is %p', (source, expected) => {
    const { hasSimulator, environment } = compose(source);
    expect(hasSimulator).toBe(expected);
    expect('SIMULATOR_SENDGRID_PRIVATE_KEY' in environment).toBe(expected);
  });

  test('name an address to connect to when the server listens on all', () => {
    const settings = compose({ HOST: '0.0.0.0', PORT: '8081' });
    expect(settings.url).toBe('http://127.0.0.1:8081');
    expect(settings.environment['SIMULATOR_WEBHOOK_URL']).toBe('http://127.0.0.1:8081/webhooks');
  });

  test('report every fault at once, by the name of the variable', () => {
    expect(() => compose({ PORT: 'http', SIMULATOR: 'maybe' })).toThrow(/SIMULATOR[^]*PORT/);
  });
});

describe('the secrets of a home', () => {
  test('are made once and read again', () => {
    expect(readSecrets(home)).toEqual(secrets);
    expect(Buffer.byteLength(secrets.adminKey)).toBeGreaterThanOrEqual(32);
    expect(Buffer.byteLength(secrets.jwtSecret)).toBeGreaterThanOrEqual(32);
  });

  test.each(['admin-key', 'jwt-secret', 'postgres-password', 'simulator/sendgrid-private-key.pem'])(
    '%s is readable by its owner alone',
    (file) => {
      expect(statSync(join(home, file)).mode & 0o777).toBe(0o600);
    },
  );
});

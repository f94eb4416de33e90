import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import {
  httpEnv,
  kafkaEnv,
  logEnv,
  parseEnv,
  postgresEnv,
  secretsEnv,
  webhookOutEnv,
} from '../../../shared/config/env.ts';
import { ConfigError } from '../../../shared/errors.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailfleet-env-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const newSecret = (): string => randomBytes(32).toString('base64url');
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
};

describe('The settings of a process', () => {
  it('are those of the groups it names, with their defaults, and frozen', () => {
    const env = parseEnv({ ...postgresEnv, ...httpEnv }, { DATABASE_URL: 'postgres://x', PORT: '9000', OTHER: '1' });
    expect(env).toMatchObject({ DATABASE_URL: 'postgres://x', PORT: 9_000, HOST: '127.0.0.1' });
    expect(env).not.toHaveProperty('OTHER');
    expect(Object.isFrozen(env)).toBe(true);
  });

  it('are refused with all faults in one message, by name and without a value', () => {
    const message = refusal(() =>
      parseEnv(
        { ...kafkaEnv, ...postgresEnv, ...httpEnv, ...secretsEnv, ...logEnv },
        {
          KAFKA_OFFSET_RESET: 'canary-reset',
          KAFKA_EMAIL_TOPIC: 'canary topic!',
          PORT: '70000canary',
          PUBLIC_URL: 'canary-url',
          ADMIN_API_KEY: 'canary-short',
          TRUSTED_PROXIES: 'canary.example',
          NODE_ENV: 'production',
          LOG_LEVEL: 'canary-level',
        },
      ),
    );
    for (const name of [
      'KAFKA_BROKERS',
      'KAFKA_OFFSET_RESET',
      'KAFKA_EMAIL_TOPIC',
      'DATABASE_URL',
      'PORT',
      'PUBLIC_URL',
      'ADMIN_API_KEY',
      'JWT_SECRET',
      'TRUSTED_PROXIES',
      'LOG_LEVEL',
    ]) {
      expect(message).toContain(`- ${name}: `);
    }
    expect(message).toContain('DATABASE_URL: is not set');
    expect(message).toContain('JWT_SECRET: is not set');
    expect(message).not.toContain('canary');
  });

  it('take an empty variable for one that is not set', () => {
    expect(parseEnv(httpEnv, { HOST: '', PORT: '' })).toMatchObject({ HOST: '127.0.0.1', PORT: 8080 });
    expect(refusal(() => parseEnv(postgresEnv, { DATABASE_URL: '' }))).toContain('DATABASE_URL: is not set');
  });

  it('read a value from the file that NAME_FILE names', () => {
    const file = join(folder, 'key');
    const [inFile, direct, JWT_SECRET] = [newSecret(), newSecret(), newSecret()];
    writeFileSync(file, `${inFile}\n`);
    expect(parseEnv(secretsEnv, { ADMIN_API_KEY_FILE: file, JWT_SECRET }).ADMIN_API_KEY).toBe(inFile);
    expect(parseEnv(secretsEnv, { ADMIN_API_KEY: direct, ADMIN_API_KEY_FILE: file, JWT_SECRET }).ADMIN_API_KEY).toBe(
      direct,
    );
  });

  it('are refused when that file cannot be read', () => {
    const message = refusal(() => parseEnv(secretsEnv, { ADMIN_API_KEY_FILE: join(folder, 'nothing') }));
    expect(message).toContain('ADMIN_API_KEY_FILE: the file cannot be read');
  });

  it.each([
    ['none', undefined, 'is not set'],
    ['a short one', newSecret().slice(0, 31), 'must have 32 bytes or more'],
    ['one of a tutorial', 'my_secret_my_secret_my_secret_my_secret', 'can be guessed'],
    ['one of an example', 'your-256-bit-secret-your-256-bit-secret', 'can be guessed'],
    ['one that was to be changed', 'ChangeMe-ChangeMe-0123456789-abcdefgh', 'can be guessed'],
    ['the same character again and again', 'k'.repeat(40), 'can be guessed'],
    ['a few characters again and again', '0123'.repeat(10), 'can be guessed'],
  ])('refuse %s for a secret in production, each by its name and together', (_, value, fault) => {
    const production = { ADMIN_API_KEY: value, JWT_SECRET: value, NODE_ENV: 'production' };
    const message = refusal(() => parseEnv(secretsEnv, production));
    expect(message).toContain(`ADMIN_API_KEY: ${fault}`);
    expect(message).toContain(`JWT_SECRET: ${fault}`);
  });

  it('refuse a short secret anywhere, and leave the rest to production', () => {
    const own = 'a developer’s key of 32 bytes, example';
    expect(parseEnv(secretsEnv, { ADMIN_API_KEY: own }).ADMIN_API_KEY).toBe(own);
    expect(refusal(() => parseEnv(secretsEnv, { ADMIN_API_KEY: 'short', JWT_SECRET: 'short' }))).toContain('32 bytes');
    expect(refusal(() => parseEnv(secretsEnv, {}))).toContain('ADMIN_API_KEY: is not set');
  });

  it('take random secrets of any usual form', () => {
    for (let n = 0; n < 200; n += 1) {
      for (const form of ['base64', 'base64url', 'hex'] as const) {
        const secret = randomBytes(32).toString(form);
        const production = { ADMIN_API_KEY: secret, JWT_SECRET: secret, NODE_ENV: 'production' };
        expect(parseEnv(secretsEnv, production).JWT_SECRET).toBe(secret);
      }
    }
  });

  it('know a list of proxies, and believe nobody without one', () => {
    expect(parseEnv(httpEnv, {}).TRUSTED_PROXIES).toEqual([]);
    expect(parseEnv(httpEnv, { TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8,::1, fd00::/8' }).TRUSTED_PROXIES).toEqual([
      ...['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'],
    ]);
    for (const wrong of ['localhost', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/', '*', '1.2.3']) {
      expect(refusal(() => parseEnv(httpEnv, { TRUSTED_PROXIES: wrong }))).toContain('TRUSTED_PROXIES');
    }
  });

  it('let no process call private addresses in production', () => {
    const asked = { WEBHOOK_ALLOW_PRIVATE: '1' };
    expect(parseEnv(webhookOutEnv, asked).WEBHOOK_ALLOW_PRIVATE).toBe(true);
    expect(refusal(() => parseEnv(webhookOutEnv, { ...asked, NODE_ENV: 'production' }))).toContain(
      'WEBHOOK_ALLOW_PRIVATE',
    );
    expect(parseEnv(webhookOutEnv, { NODE_ENV: 'production' }).WEBHOOK_ALLOW_PRIVATE).toBe(false);
  });

  it('know a list of brokers', () => {
    expect(parseEnv(kafkaEnv, { KAFKA_BROKERS: ' a:1, b:2 ,,' }).KAFKA_BROKERS).toEqual(['a:1', 'b:2']);
    expect(refusal(() => parseEnv(kafkaEnv, { KAFKA_BROKERS: ' , ' }))).toContain('KAFKA_BROKERS');
  });
});

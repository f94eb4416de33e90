import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpEnv, kafkaEnv, logEnv, parseEnv, postgresEnv, secretsEnv } from '../../../shared/config/env.ts';
import { ConfigError } from '../../../shared/errors.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailfleet-env-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
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
      'LOG_LEVEL',
    ]) {
      expect(message).toContain(`- ${name}: `);
    }
    expect(message).toContain('DATABASE_URL: is not set');
    expect(message).not.toContain('canary');
  });

  it('take an empty variable for one that is not set', () => {
    expect(parseEnv(httpEnv, { HOST: '', PORT: '' })).toMatchObject({ HOST: '127.0.0.1', PORT: 8080 });
    expect(refusal(() => parseEnv(postgresEnv, { DATABASE_URL: '' }))).toContain('DATABASE_URL: is not set');
  });

  it('read a value from the file that NAME_FILE names', () => {
    const file = join(folder, 'key');
    writeFileSync(file, `${'k'.repeat(32)}\n`);
    expect(parseEnv(secretsEnv, { ADMIN_API_KEY_FILE: file }).ADMIN_API_KEY).toBe('k'.repeat(32));
    expect(parseEnv(secretsEnv, { ADMIN_API_KEY: 'd'.repeat(32), ADMIN_API_KEY_FILE: file }).ADMIN_API_KEY).toBe(
      'd'.repeat(32),
    );
  });

  it('are refused when that file cannot be read', () => {
    const message = refusal(() => parseEnv(secretsEnv, { ADMIN_API_KEY_FILE: join(folder, 'nothing') }));
    expect(message).toContain('ADMIN_API_KEY_FILE: the file cannot be read');
  });

  it('refuse a secret that is too short', () => {
    expect(refusal(() => parseEnv(secretsEnv, { ADMIN_API_KEY: 'k'.repeat(31) }))).toContain('ADMIN_API_KEY');
  });

  it('know a list of brokers', () => {
    expect(parseEnv(kafkaEnv, { KAFKA_BROKERS: ' a:1, b:2 ,,' }).KAFKA_BROKERS).toEqual(['a:1', 'b:2']);
    expect(refusal(() => parseEnv(kafkaEnv, { KAFKA_BROKERS: ' , ' }))).toContain('KAFKA_BROKERS');
  });
});

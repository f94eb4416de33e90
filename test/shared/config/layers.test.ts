import { describe, expect, it } from '@jest/globals';
import {
  configFileOf,
  readAliases,
  readConfigFile,
  readFlags,
  redacted,
  seedPorts,
} from '../../../shared/config/layers.ts';
import { openEnv, parseEnv, httpEnv, verdictEnv } from '../../../shared/config/env.ts';
import { durationMs } from '../../../shared/domain/duration.ts';

const known = new Set([
  ...['PORT', 'DELIVERED_THRESHOLD', 'VERDICT_CACHE', 'VERDICT_CACHE_TTL', 'WORKERS_PER_CONSUMER', 'KAFKA_BROKERS'],
  ...['ADMIN_API_KEY', 'HTTP_IDLE_TIMEOUT', 'DATABASE_URL'],
]);

describe('Flags', () => {
  it.each([
    [['--cache-ttl=5m'], { VERDICT_CACHE_TTL: '5m' }],
    [['-cache-ttl=5m'], { VERDICT_CACHE_TTL: '5m' }],
    [['--cache'], { VERDICT_CACHE: '1' }],
    [['-cache=false'], { VERDICT_CACHE: 'false' }],
    [['--no-cache'], { VERDICT_CACHE: '0' }],
    [['--workers=16', '--delivered-threshold=500'], { WORKERS_PER_CONSUMER: '16', DELIVERED_THRESHOLD: '500' }],
    [['--port=81', '--config=x.json', 'word'], { PORT: '81' }],
  ])('%s', (argv, values) => {
    expect(readFlags(argv, known)).toEqual({ values, notices: [], faults: [] });
  });

  it('that the seeds had are taken with a line on what replaces them', () => {
    const { values, notices, faults } = readFlags(
      ['-mongodb=mongodb://h/d', '-processor=batch', '--redis_uri=r'],
      known,
    );
    expect([values, faults]).toEqual([{}, []]);
    expect(notices).toHaveLength(3);
    for (const notice of notices) expect(notice).toMatch(/is not used: .*(Postgres|delivery-events|Kafka)/);
  });

  it('that nobody knows are faults, and secrets are refused without being shown', () => {
    const { values, faults } = readFlags(['--admin-api-key=canary', '--nonsense=1'], known);
    expect(values).toEqual({});
    expect(faults.join()).toMatch(/ADMIN_API_KEY.*nonsense/);
    expect(faults.join()).not.toContain('canary');
  });
});

describe('A configuration file', () => {
  const read = (json: unknown) => readConfigFile('c.json', JSON.stringify(json), known);
  it('holds settings in any spelling, nested or not', () => {
    expect(
      read({
        ...{ port: 9000, delivered_threshold: 7, deliveredThreshold: 8, KAFKA_BROKERS: ['a:1', 'b:2'] },
        cache: { ttl: '1m' },
        server: { idleTimeout: '9s' },
        metrics: { interval: '10s' },
        redis_uri: null,
      }),
    ).toEqual({
      values: {
        ...{ PORT: '9000', DELIVERED_THRESHOLD: '8', KAFKA_BROKERS: 'a:1,b:2' },
        ...{ VERDICT_CACHE_TTL: '1m', HTTP_IDLE_TIMEOUT: '9s' },
      },
      notices: [expect.stringContaining('metrics.interval is not used')],
      faults: [],
    });
  });

  it.each([
    ['c.json', '{', 'c.json is not JSON'],
    ['c.json', '[]', 'does not hold an object'],
    ['c.json', '{"other":1}', 'other: there is no such setting'],
    ['c.yaml', 'port: [', 'c.yaml is not YAML'],
  ])('%s with %s is refused', (path, text, sentence) => {
    expect(readConfigFile(path, text, known).faults.join()).toContain(sentence);
  });

  it('is found in all ways of naming it', () => {
    expect(configFileOf(['--a', '--config=x'])).toBe('x');
    expect(configFileOf(['-config', 'y'])).toBe('y');
    expect(configFileOf(['--configs=x'])).toBeUndefined();
  });
});

it('A YAML file is read like a JSON one', () => {
  const { values, faults } = readConfigFile('c.yml', 'port: 9000\ncache:\n  ttl: 1m\n', known);
  expect([values, faults]).toEqual([{ PORT: '9000', VERDICT_CACHE_TTL: '1m' }, []]);
});

describe('The names of older systems', () => {
  it('stand for ours, which win', () => {
    const given = {
      EMAIL_HOST: 'mail.example',
      EMAIL: 'a@b.example',
      WORKERS: '7',
      SMTP_PORT: '25',
      EMAIL_PORT: '465',
    };
    expect(readAliases(given).values).toEqual({
      SMTP_HOST: 'mail.example',
      SMTP_USER: 'a@b.example',
      SMTP_CONNECTIONS: '7',
    });
    expect(readAliases({ WORKERS: '7' }).values).toEqual({});
    expect(readAliases({ redis_uri: 'redis://x' }).notices.join()).toContain('tasks travel on Kafka');
  });

  it('make PORT=40700 the gRPC port, where that is not set', () => {
    expect(seedPorts({ PORT: '40700' })).toMatchObject({ grpcPort: '40700' });
    expect(seedPorts({ PORT: '40700', GRPC_PORT: '1' })).toBeUndefined();
    expect(seedPorts({ PORT: '8080' })).toBeUndefined();
  });
});

it('Values are shown without secrets', () => {
  expect(redacted('ADMIN_API_KEY', 'canary')).toBe('***');
  expect(redacted('DATABASE_URL', 'postgres://me:canary@h/d')).toBe('postgres://me:***@h/d');
  expect(redacted('ADMIN_API_KEY_FILE', '/run/key')).toBe('/run/key');
  expect(redacted('PORT', '1')).toBe('1');
});

it.each([
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['250ms', 250],
  ['1.5s', 1_500],
  ['30', 30_000],
  ['five', NaN],
  ['5 m', NaN],
  ['', NaN],
])('the time %s is %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

describe('AUTH_OPEN', () => {
  const refusal = (source: Readonly<Record<string, string>>): string => {
    try {
      parseEnv({ ...httpEnv, ...openEnv, ...verdictEnv }, source);
      return '';
    } catch (error) {
      return String(error);
    }
  };
  it.each([
    [{ AUTH_OPEN: '1' }, ''],
    [{ AUTH_OPEN: '1', HOST: 'localhost' }, ''],
    [{ AUTH_OPEN: '1', HOST: '::1' }, ''],
    [{ AUTH_OPEN: '0', HOST: '0.0.0.0', NODE_ENV: 'production' }, ''],
    [{ AUTH_OPEN: '1', HOST: '0.0.0.0' }, 'HOST must be this machine alone'],
    [{ AUTH_OPEN: 'on', HOST: '127.0.0.1.evil.example' }, 'HOST must be this machine alone'],
    [{ AUTH_OPEN: 'true', NODE_ENV: 'production' }, 'must not be on with NODE_ENV=production'],
  ])('%o', (source, sentence) => {
    expect(refusal(source)).toContain(sentence);
    if (sentence === '') expect(refusal(source)).toBe('');
  });
});

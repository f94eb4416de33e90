// The real ingress: revocation reaches it, it goes on without Postgres as far as it may, and it never starts with secrets
// that can be guessed.
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeKey } from '../../shared/domain/api-key.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { startCutProxy, type CutProxy } from '../support/cut-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let proxy: CutProxy;
let fleet: TestFleet;
beforeAll(async () => {
  database = await createTestDatabase();
  const url = new URL(database.url);
  proxy = await startCutProxy(Number(url.port));
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  fleet = await startTestFleet({ processes: ['ingress'], env: { DATABASE_URL: url.href } });
}, 120_000);
afterAll(async () => {
  await fleet.stop();
  await proxy.close();
  await database.drop();
}, 60_000);

const call = (
  method: string,
  path: string,
  options: { readonly key?: string; readonly body?: object; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> =>
  fetch(`${fleet.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${options.key ?? fleet.adminKey}`,
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
const email = { from: 'a@acme.example', text: 'Hi', recipients: [{ email: 'ann@example.org' }] };
const statusOf = async (answer: Promise<Response>): Promise<number> => (await answer).status;
const newKey = async (scopes: readonly string[]): Promise<{ id: string; key: string }> => {
  const answer = await call('POST', '/v1/api-keys', { body: { name: 'test', accountId: 'acme', scopes } });
  expect(answer.status).toBe(201);
  return (await answer.json()) as { id: string; key: string };
};

describe('The ingress', () => {
  test('takes a key from the moment it is made until the moment it is revoked', async () => {
    const body = { id: 'acme', name: 'Acme', senderDomains: ['acme.example'] };
    expect(await statusOf(call('POST', '/v1/accounts', { body }))).toBe(201);
    const { id, key } = await newKey(['send', 'read']);
    expect(await statusOf(call('POST', '/v1/emails', { key, body: email }))).toBe(202);
    expect(await statusOf(call('GET', '/v1/accounts', { key }))).toBe(403);
    expect(await statusOf(call('DELETE', `/v1/api-keys/${id}?accountId=acme`))).toBe(204);
    await waitFor(async () => (await statusOf(call('POST', '/v1/emails', { key, body: email }))) === 401, {
      what: 'the revoked key being refused',
      deadlineMs: 5_000,
    });
  });

  test('goes on without Postgres as far as it may', async () => {
    const { key } = await newKey(['send']);
    expect(await statusOf(call('POST', '/v1/emails', { key, body: email }))).toBe(202);
    await proxy.close();
    await waitFor(async () => (await statusOf(call('GET', '/health/ready'))) === 503, {
      what: 'the ingress saying that it lacks Postgres',
    });
    expect(await (await call('GET', '/health/ready')).json()).toEqual({ ready: false, waitingFor: ['postgres'] });
    expect(await statusOf(call('GET', '/health/live'))).toBe(200);
    expect(await statusOf(fetch(`${fleet.adminUrl('ingress')}/live`))).toBe(200);

    const { POSTMARK_WEBHOOK_USER: user = '', POSTMARK_WEBHOOK_PASSWORD: password = '' } = fleet.environment;
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    expect(await statusOf(call('POST', '/webhooks/postmark', { headers: { authorization }, body: {} }))).toBe(200);

    for (let n = 0; n < 5; n += 1) expect(await statusOf(call('POST', '/v1/emails', { body: email }))).toBe(202);
    const keyed = await call('POST', '/v1/emails', { body: email, headers: { 'idempotency-key': 'order-77' } });
    expect([keyed.status, keyed.headers.get('retry-after')]).toEqual([503, '1']);

    // Seen valid a moment ago: it goes on from memory. One that was never seen may be a good one: come again.
    expect(await statusOf(call('POST', '/v1/emails', { key, body: email }))).toBe(202);
    expect(await statusOf(call('POST', '/v1/emails', { key: makeKey(randomBytes).key, body: email }))).toBe(503);
    expect(await statusOf(call('POST', '/v1/emails', { key: 'nonsense', body: email }))).toBe(401);
  }, 60_000);
});

describe('In production', () => {
  const start = (env: Readonly<Record<string, string>>): Promise<{ code: number | null; output: string }> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['dist/producers/ingress/main.js'], {
        env: {
          PATH: process.env['PATH'] ?? '',
          NODE_ENV: 'production',
          KAFKA_BROKERS: '127.0.0.1:1',
          DATABASE_URL: database.url,
          ADMIN_PORT: '0',
          PORT: '0',
          ...env,
        },
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      }
      child.once('exit', (code) => {
        resolve({ code, output });
      });
    });

  test.each([
    ['without secrets', {}, ['ADMIN_API_KEY: is not set', 'JWT_SECRET: is not set']],
    [
      'with short ones',
      { ADMIN_API_KEY: 'canary-short', JWT_SECRET: 'canary-x' },
      ['ADMIN_API_KEY: must have 32 bytes', 'JWT_SECRET: must have 32 bytes'],
    ],
    [
      'with those of examples',
      { ADMIN_API_KEY: 'change-me-canary-0123456789-abcdefgh', JWT_SECRET: 'my_secret_canary_my_secret_canary_12' },
      ['ADMIN_API_KEY: can be guessed', 'JWT_SECRET: can be guessed'],
    ],
  ])('it refuses to start %s, and tells all that is wrong at once', async (_, env, sentences) => {
    const { code, output } = await start(env);
    expect(code).toBe(1);
    for (const sentence of sentences) expect(output).toContain(sentence);
    expect(output).not.toContain('canary');
  });
});

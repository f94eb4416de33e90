// One-time codes over HTTP on real tables.
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { codeSettings } from '../../../../shared/db/code-settings.ts';
import { cleanUpCodes, countCodes } from '../../../../shared/db/one-time-codes.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { ask, makeAccount, makeKeyFor, realGuards } from './accounts-world.ts';
import { testIngress, type TestIngress } from './ingress.ts';

const settings = (more: Partial<Parameters<typeof codeSettings>[0]> = {}) =>
  codeSettings({
    JWT_SECRET: 's'.repeat(32),
    OTP_LIFESPAN_SECONDS: 300,
    OTP_RESEND_SECONDS: 0,
    OTP_MAX_PER_HOUR: 0,
    OTP_ECHO: true,
    MAIL_FROM: 'Codes <codes@acme.example>',
    ...more,
  });

const database = useDatabase();
let ingress: TestIngress;
const withSettings = (more: Parameters<typeof settings>[0]) =>
  testIngress({ pool: database.pool, ...realGuards(database.pool), codes: settings(more) });
beforeAll(async () => {
  ingress = await withSettings({});
});
beforeEach(() => {
  ingress.clear();
});

const send = async (payload: object, on = ingress, key?: string) =>
  ask(on, 'POST', '/v1/otp', { payload, ...(key === undefined ? {} : { key }) });
const codeFor = async (email: string, more: object = {}): Promise<string> => {
  const answer = await send({ email, ...more });
  expect(answer.statusCode).toBe(202);
  return answer.json<{ code: string }>().code;
};
const guess = async (email: string, code: string, more: object = {}, key?: string) =>
  ask(ingress, 'POST', '/v1/otp/verify', { payload: { email, code, ...more }, ...(key === undefined ? {} : { key }) });
const isVerified = async (...args: Parameters<typeof guess>) => {
  const answer = await guess(...args);
  expect(answer.statusCode).toBe(200);
  return answer.json<{ verified: boolean }>().verified;
};
const wrong = (code: string): string => (code === '0'.repeat(code.length) ? '1' : '0').repeat(code.length);

describe('A code', () => {
  test('is mailed on its own lane, and neither the record nor the table holds it', async () => {
    const answer = await send({ email: 'Ann <Ann+x@Example.org>'.slice(5, -1), length: 8, language: 'de' });
    const { id, code, expiresAt } = answer.json<{ id: string; code: string; expiresAt: string }>();
    expect(code).toMatch(/^\d{8}$/);
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(200_000);
    expect(ingress.published.map(({ topic }) => topic)).toEqual(['email-send-otp']);
    const record = String(ingress.published[0]?.value);
    expect(JSON.parse(record)).toMatchObject({
      id,
      class: 'otp',
      from: 'Codes <codes@acme.example>',
      subject: 'Ihr Bestätigungscode',
      recipients: [{ email: 'Ann+x@example.org', substitutions: { minutes: 5 } }],
    });
    expect(record).not.toContain(code);
    const { rows } = await database.pool.query<{ row: string }>('select c::text as row from one_time_codes c');
    expect(rows[0]?.row).not.toContain(code);
  });

  test('is mailed in the words of the account where it has a template for them', async () => {
    const texts = { subject: 'Code', text: 'Here: {{ code }} ({{ minutes }})' };
    const payload = { id: 'otp', name: 'codes', defaultLanguage: 'en', languages: { en: texts } };
    expect((await ask(ingress, 'POST', '/v1/templates', { payload })).statusCode).toBe(201);
    await codeFor('ann@example.org', { language: 'en-GB' });
    const record = JSON.parse(String(ingress.published[0]?.value)) as Record<string, unknown>;
    expect([record['template'], record['text']]).toEqual([{ id: 'otp', language: 'en-GB' }, undefined]);
  });

  test('is not told without OTP_ECHO', async () => {
    const silent = await withSettings({ OTP_ECHO: false });
    const answer = await send({ email: 'ann@example.org' }, silent);
    expect(Object.keys(answer.json<object>()).sort()).toEqual(['expiresAt', 'id']);
  });

  test('is right once, in any case of the address, and wrong for everything else', async () => {
    const code = await codeFor('ann@example.org');
    expect(await isVerified('ann@example.org', wrong(code))).toBe(false);
    expect(await isVerified('ben@example.org', code)).toBe(false);
    expect(await isVerified('ann@example.org', code, { purpose: 'login' })).toBe(false);
    expect(await isVerified('ann+other@example.org', code)).toBe(false);
    expect(await isVerified('ANN@example.org', code)).toBe(true);
    expect(await isVerified('ann@example.org', code)).toBe(false);
  });

  test('is verified exactly once by fifty at the same moment', async () => {
    const code = await codeFor('ann@example.org');
    const answers = await Promise.all(Array.from({ length: 50 }, () => guess('ann@example.org', code)));
    const told = answers.map((answer) =>
      answer.statusCode === 200 ? answer.json<{ verified: boolean }>().verified : 429,
    );
    expect(told.filter((one) => one === true)).toHaveLength(1);
    expect(told.filter((one) => one === false || one === 429)).toHaveLength(49);
  });

  test.each([
    [6, 5],
    [4, 3],
  ])('of %i digits is dead after %i guesses, also for the right one, until a new one is sent', async (length, cap) => {
    const code = await codeFor('ann@example.org', { length });
    for (let n = 0; n < cap; n += 1) expect(await isVerified('ann@example.org', wrong(code))).toBe(false);
    const late = await guess('ann@example.org', code);
    expect([late.statusCode, Number(late.headers['retry-after']) > 0]).toEqual([429, true]);
    expect(await isVerified('ann@example.org', await codeFor('ann@example.org', { length }))).toBe(true);
  });

  test('ends the one before', async () => {
    const first = await codeFor('ann@example.org');
    const second = await codeFor('ann@example.org');
    if (first !== second) expect(await isVerified('ann@example.org', first)).toBe(false);
    expect(await isVerified('ann@example.org', second)).toBe(true);
  });

  test('is over when its time is, and is then cleaned up', async () => {
    const code = await codeFor('ann@example.org');
    await database.pool.query(`update one_time_codes set expires_at = now() - interval '1 s'`);
    expect(await cleanUpCodes(database.pool, 10)).toBe(1);
    expect(await cleanUpCodes(database.pool, 10)).toBe(0);
    expect(await isVerified('ann@example.org', code)).toBe(false);
    await database.pool.query(
      `update one_time_codes set expires_at = now() - interval '2 h', updated_at = now() - interval '2 h'`,
    );
    expect(await cleanUpCodes(database.pool, 10)).toBe(1);
    expect((await database.pool.query('select from one_time_codes')).rowCount).toBe(0);
    expect(await countCodes(database.pool, 'admin', 1)).toEqual({ issued: 1, verified: 0, expired: 1 });
  });

  test('of one account is none of another', async () => {
    await makeAccount(ingress, 'shop');
    const { key } = await makeKeyFor(ingress, 'shop', ['send']);
    const code = await codeFor('ann@example.org');
    expect(await isVerified('ann@example.org', code, {}, key)).toBe(false);
    await send({ email: 'ann@example.org' }, ingress, key);
    const record = JSON.parse(String(ingress.published.at(-1)?.value)) as Record<string, unknown>;
    expect([record['accountId'], record['from']]).toEqual(['shop', 'no-reply@shop.example']);
    expect(await isVerified('ann@example.org', code)).toBe(true);
  });
});

describe('An address that has no code', () => {
  test('is answered like one that has: wrong, then 429', async () => {
    const answers: number[] = [];
    for (let n = 0; n < 6; n += 1) answers.push((await guess('nobody@example.org', '123456')).statusCode);
    expect(answers).toEqual([200, 200, 200, 200, 200, 429]);
  });
});

describe('Limits of an address', () => {
  test('one code in half a minute, for all the ways to write the address', async () => {
    const limited = await withSettings({ OTP_RESEND_SECONDS: 30 });
    expect((await send({ email: 'ann@example.org' }, limited)).statusCode).toBe(202);
    for (const email of ['ann@example.org', 'ANN@example.org', 'ann+1@example.org']) {
      const answer = await send({ email }, limited);
      expect(answer.statusCode).toBe(429);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(20);
    }
    expect(limited.published).toHaveLength(1);
  });

  test('five in an hour, of twenty asked for at the same moment', async () => {
    const limited = await withSettings({ OTP_MAX_PER_HOUR: 5 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send({ email: 'ann@example.org' }, limited)));
    expect(answers.filter((answer) => answer.statusCode === 202)).toHaveLength(5);
    const late = await send({ email: 'ann@example.org' }, limited);
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(3_500);
    await database.pool.query(
      `update one_time_codes set asked_at = array(select t - interval '1 h' from unnest(asked_at) t)`,
    );
    expect((await send({ email: 'ann@example.org' }, limited)).statusCode).toBe(202);
  });
});

describe('When Kafka does not take the mail', () => {
  test('the answer is 503, the code is dead, and another may be asked for at once', async () => {
    const limited = await withSettings({ OTP_RESEND_SECONDS: 30 });
    limited.failWith(new InfrastructureError('kafka-away', 'away'));
    expect((await send({ email: 'ann@example.org' }, limited)).statusCode).toBe(503);
    const { rows } = await database.pool.query(
      'select from one_time_codes where code_mac is not null and expires_at > now()',
    );
    expect(rows).toEqual([]);
    limited.failWith(undefined);
    expect((await send({ email: 'ann@example.org' }, limited)).statusCode).toBe(202);
  });
});

describe('Bad input', () => {
  test.each([
    [{ email: 'no address' }, 422],
    [{ email: 'ann@example.org', length: 3 }, 422],
    [{ email: 'ann@example.org', length: 9 }, 422],
    [{ email: 'ann@example.org', code: '1' }, 400],
    [{}, 422],
  ])('%j is refused with nothing sent', async (payload, status) => {
    expect((await send(payload)).statusCode).toBe(status);
    expect(ingress.published).toEqual([]);
  });

  test('a fleet without a secret says so', async () => {
    const poor = await withSettings({ JWT_SECRET: undefined });
    const answer = await send({ email: 'ann@example.org' }, poor);
    expect([answer.statusCode, answer.body.includes('JWT_SECRET')]).toEqual([403, true]);
  });
});

test('counts tell how many were made and verified', async () => {
  const code = await codeFor('ann@example.org');
  await codeFor('ben@example.org');
  await guess('ann@example.org', code);
  const answer = await ask(ingress, 'GET', '/v1/otp/counts?days=1');
  expect(answer.json()).toEqual({ days: 1, issued: 2, verified: 1, expired: 0 });
});

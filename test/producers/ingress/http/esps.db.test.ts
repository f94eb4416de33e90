import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decideStanding } from '../../../../shared/db/decide-weights.ts';
import { readAudit } from '../../../../shared/db/esp-controls.ts';
import { routingChannel, storeHealth } from '../../../../shared/db/esp-health.ts';
import { listenTo } from '../../../../shared/db/listen.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { keysOf, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
/** The same for callers who are no admins. */
let others: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
  others = await testIngress({
    pool: database.pool,
    keys: keysOf('acme'),
  });
});
beforeEach(() => database.pool.query('truncate esp_controls, esp_audit, esp_budgets'));
afterAll(() => Promise.all([ingress.app.close(), others.app.close()]));

interface Entry {
  readonly esp: string;
  readonly state: string;
  readonly weight: number;
  readonly allowance: string;
  readonly limits: Readonly<Record<string, unknown>>;
  readonly warning?: string;
}
const post = (esp: string, verb: string, payload?: object) =>
  ingress.app.inject({ method: 'POST', url: `/v1/esps/${esp}/${verb}`, headers: withKey, ...(payload && { payload }) });
const putLimits = (esp: string, payload: object) =>
  ingress.app.inject({ method: 'PUT', url: `/v1/esps/${esp}/limits`, headers: withKey, payload });
const entryOf = async (esp: string): Promise<Entry | undefined> => {
  const answer = await ingress.app.inject({ method: 'GET', url: '/v1/esps', headers: withKey });
  return answer.json<{ data: Entry[] }>().data.find((entry) => entry.esp === esp);
};
const audited = async (esp: string) =>
  (await readAudit(database.pool, esp, 10)).map(({ action, accountId, reason }) => [action, accountId, reason]);
const decide = () => decideStanding(database.pool, 'admin', ingress.weighing);

describe('Pausing an ESP', () => {
  it('takes it out of the very next decision, for every mailbox provider', async () => {
    expect((await decide()).weights).toEqual({ postmark: 500, sendgrid: 500 });
    const answer = await post('sendgrid', 'pause', { reason: 'blocklisted' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ esp: 'sendgrid', state: 'paused', weight: 0, allowance: 'paused' });
    const next = await decide();
    expect(next.weights).toEqual({ postmark: 1_000, sendgrid: 0 });
    expect(Object.values(next.providerWeights).map((weights) => weights['sendgrid'])).toEqual([0, 0, 0, 0, 0]);
    expect(next.reason).toContain('Taken out by an operator: sendgrid.');
    expect(await entryOf('sendgrid')).toMatchObject({ state: 'paused', weight: 0 });
  });

  it('is told to every process at once', async () => {
    let notices = 0;
    const listener = listenTo(database.url, routingChannel, () => {
      notices += 1;
    });
    // The first notice says that it listens.
    try {
      await waitFor(() => notices > 0, { what: 'the listener' });
      await post('sendgrid', 'pause');
      await waitFor(() => notices > 1, { what: 'the notice' });
    } finally {
      await listener.close();
    }
  });

  it('is noted with who did it and why, like every other change', async () => {
    await post('sendgrid', 'pause', { reason: 'blocklisted' });
    await post('sendgrid', 'drain', {});
    await post('sendgrid', 'probe-only');
    await post('sendgrid', 'resume', { reason: 'delisted' });
    await putLimits('sendgrid', { perDay: 5_000, reason: 'contract' });
    expect(await audited('sendgrid')).toEqual([
      ['limits', 'admin', 'contract'],
      ['resume', 'admin', 'delisted'],
      ['probe-only', 'admin', null],
      ['drain', 'admin', null],
      ['pause', 'admin', 'blocklisted'],
    ]);
  });

  it('is allowed for the last one, with a warning that mail waits', async () => {
    expect((await post('sendgrid', 'pause')).json<Entry>().warning).toBeUndefined();
    const last = await post('postmark', 'pause');
    expect([last.statusCode, last.json<Entry>().warning]).toEqual([200, expect.stringContaining('waits')]);
    expect((await post('sendgrid', 'drain')).json<Entry>().warning).toContain('a draining one goes on');
    expect((await post('sendgrid', 'probe-only')).json<Entry>().warning).toBeUndefined();
  });
});

describe('The state of an ESP', () => {
  it.each([
    ['pause', 'paused', 0],
    ['drain', 'draining', 0],
    ['probe-only', 'probe-only', 0],
  ])('is after %s %s, with a weight of %d', async (verb, state, weight) => {
    expect((await post('sendgrid', verb)).json()).toMatchObject({ state, weight });
    expect((await decide()).weights['sendgrid']).toBe(weight);
    expect((await post('sendgrid', 'resume')).json()).toMatchObject({ state: 'active', weight: 500 });
  });

  it('cannot be set twice: 409, and no second note', async () => {
    expect((await post('sendgrid', 'resume')).statusCode).toBe(409);
    const answers = await Promise.all(Array.from({ length: 8 }, () => post('sendgrid', 'pause')));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, ...Array<number>(7).fill(409)]);
    expect(answers.find(({ statusCode }) => statusCode === 409)?.json()).toMatchObject({
      detail: 'sendgrid is paused already.',
    });
    expect(await audited('sendgrid')).toHaveLength(1);
  });

  it('shows how it does: health, rounds, trips and the last error', async () => {
    await storeHealth(database.pool, {
      ...{ esp: 'sendgrid', state: 'unhealthy', goodRounds: 0, badRounds: 3, lastRound: 1, trips: 2 },
      ...{ lastError: 'outage: 503', changedRound: 1 },
    });
    expect(await entryOf('sendgrid')).toMatchObject({
      health: 'unhealthy',
      goodRounds: 0,
      badRounds: 3,
      trips: 2,
      allowance: 'unhealthy: probes only',
      lastError: 'outage: 503',
    });
    expect(await entryOf('postmark')).toMatchObject({ health: 'healthy', allowance: 'any share', updatedAt: null });
  });
});

describe('Limits of an ESP', () => {
  it('change where they are named, stay where they are not, and go with null', async () => {
    await putLimits('sendgrid', { perSecond: 50, perDay: 100_000 });
    const answer = await putLimits('sendgrid', { perSecond: null, perMonth: 2_000_000 });
    expect(answer.json()).toMatchObject({
      limits: { perSecond: null, perDay: 100_000, perMonth: 2_000_000, ramp: null, deliveriesPerCall: 1_000 },
    });
    expect((await entryOf('sendgrid'))?.limits).toMatchObject({
      perSecond: null,
      perDay: 100_000,
      perMonth: 2_000_000,
    });
  });

  it('begin a ramp plan with its first step, which holds the ESP to that part of the mail', async () => {
    const answer = await putLimits('sendgrid', { ramp: { percentPerDay: 2.5 } });
    expect(answer.json()).toMatchObject({
      weight: 25,
      allowance: 'at most 2.5 %',
      limits: { ramp: { percentPerDay: 2.5, percent: 2.5 } },
    });
    expect((await decide()).weights).toEqual({ postmark: 975, sendgrid: 25 });
    await putLimits('sendgrid', { ramp: null });
    expect((await decide()).weights).toEqual({ postmark: 500, sendgrid: 500 });
  });

  it('come with what is spent of them in the running day and month', async () => {
    await putLimits('sendgrid', { perDay: 1_000 });
    await database.pool.query(
      `insert into esp_budgets (esp, period, since, spent) values
         ('sendgrid', 'day', date_trunc('day', now(), 'UTC'), 12), ('sendgrid', 'month', date_trunc('month', now(), 'UTC'), 340)`,
    );
    expect((await entryOf('sendgrid'))?.limits).toMatchObject({ spentToday: 12, spentThisMonth: 340 });
  });

  it.each([
    [400, { perHour: 5 }],
    [400, { ramp: { percentPerDay: 5, from: 1 } }],
    [422, {}],
    [422, { reason: 'nothing else' }],
    [422, { perSecond: 0 }],
    [422, { perSecond: 1.5 }],
    [422, { perDay: -1 }],
    [422, { perMonth: '5' }],
    [422, { ramp: { percentPerDay: 0.05 } }],
    [422, { ramp: { percentPerDay: 101 } }],
  ])('answer %d to %j', async (status, body) => {
    expect((await putLimits('sendgrid', body)).statusCode).toBe(status);
    expect(await audited('sendgrid')).toEqual([]);
  });
});

describe('Who may change an ESP', () => {
  const changes = [
    ['POST', '/v1/esps/sendgrid/pause'],
    ['POST', '/v1/esps/sendgrid/drain'],
    ['POST', '/v1/esps/sendgrid/resume'],
    ['POST', '/v1/esps/sendgrid/probe-only'],
    ['PUT', '/v1/esps/sendgrid/limits'],
  ] as const;

  it.each(changes)('is an admin alone: %s %s', async (method, url) => {
    const payload = method === 'PUT' ? { perDay: 1 } : {};
    const refused = await others.app.inject({ method, url, headers: withKey, payload });
    expect(refused.statusCode).toBe(403);
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect((await others.app.inject({ method, url, payload })).statusCode).toBe(401);
    expect((await others.app.inject({ method: 'GET', url: '/v1/esps', headers: withKey })).statusCode).toBe(200);
    expect(await audited('sendgrid')).toEqual([]);
  });

  it('hears 404 of an ESP that is not configured', async () => {
    expect((await post('ses', 'pause')).statusCode).toBe(404);
    expect((await putLimits('ses', { perDay: 1 })).statusCode).toBe(404);
    expect((await post('sendgrid', 'explode')).statusCode).toBe(404);
  });

  it('may send no body, an empty one or one that says why, and nothing else', async () => {
    const send = (payload: string, type: string) =>
      ingress.app.inject({
        method: 'POST',
        url: '/v1/esps/sendgrid/pause',
        headers: { ...withKey, 'content-type': type },
        payload,
      });
    expect((await send('', 'application/json')).statusCode).toBe(200);
    expect((await send('{"because":"x"}', 'application/json')).statusCode).toBe(400);
    expect((await send('{', 'application/json')).statusCode).toBe(400);
    expect((await send('"x"', 'application/json')).statusCode).toBe(422);
    expect((await send(JSON.stringify({ reason: 'x'.repeat(501) }), 'application/json')).statusCode).toBe(422);
  });
});

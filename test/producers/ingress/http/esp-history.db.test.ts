import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { changeControls } from '../../../../shared/db/esp-controls.ts';
import { addStatistics } from '../../../../shared/db/statistics.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { outcomes, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
});
beforeEach(() => database.pool.query('truncate esp_controls, esp_audit'));
afterAll(() => ingress.app.close());

interface History {
  readonly step: number;
  readonly data: readonly { readonly at: string; readonly weight: number; readonly reason: string }[];
  readonly outcomeStep: number;
  readonly outcomes: readonly { readonly at: string }[];
  readonly audit: readonly object[];
}
const ask = (query = '') =>
  ingress.app.inject({ method: 'GET', url: `/v1/esps/sendgrid/history${query}`, headers: withKey });
const history = async (query = ''): Promise<History> => (await ask(query)).json<History>();
const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
/** A standing decision every minute from so many minutes ago on; its weight tells when. */
const decideEveryMinute = (from: number, to: number) =>
  database.pool.query(
    `insert into weight_decisions (account_id, "window", policy, reason, weights, evidence, basis, decided_at)
     select 'admin', '30d', 'adaptive', 'minute ' || n, jsonb_build_object('sendgrid', n % 1000), '{}',
            '{"allowances": {"sendgrid": "any share"}}', now() - n * interval '1 minute'
     from generate_series($1::int, $2::int, -1) n`,
    [from, to],
  );

it('begins with the weight that stood at its beginning, also when nothing changed since', async () => {
  await decideEveryMinute(3_000, 2_990);
  expect((await history()).data).toEqual([
    { at: expect.any(String), weight: 990, allowance: 'any share', policy: 'adaptive', reason: 'minute 2990' },
  ]);
});

it('shows the last decision of each step, oldest first, about 300 in all unless asked otherwise', async () => {
  await decideEveryMinute(1_500, 1);
  const day = await history();
  expect(day.step).toBe(288);
  expect(day.data.length).toBeGreaterThan(290);
  expect(day.data.length).toBeLessThanOrEqual(302);
  expect(day.data.at(-1)?.reason).toBe('minute 1');
  const times = day.data.map(({ at }) => at);
  expect(times).toEqual([...times].sort());
  expect((await history(`?since=${hoursAgo(2)}&step=3600`)).data.length).toBeLessThanOrEqual(4);
});

it('counts what became of the mail by the hour of sending, of that ESP and account alone', async () => {
  const counts = { sent: 100, delivered: 90, bounced: 5, complained: 1, opened: 30 };
  const minute = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000);
  const row = { ...outcomes('sendgrid', 'gmail', counts), minute };
  await addStatistics(database.pool, [
    row,
    { ...row, mailboxProvider: 'yahoo', minute: new Date(minute.getTime() + 3_540_000) },
    { ...row, esp: 'postmark' },
    { ...row, accountId: 'acme' },
    { ...row, minute: new Date(Date.now() - 90_000_000) },
  ]);
  const { outcomes: found, outcomeStep } = await history();
  expect(outcomeStep).toBe(3_600);
  expect(found).toEqual([
    { at: minute.toISOString(), sent: 200, delivered: 180, bounced: 10, complained: 2, opened: 60 },
  ]);
  expect((await history(`?since=${hoursAgo(24 * 30)}`)).outcomeStep).toBe(3 * 3_600);
});

it('lists who changed what, newest first, at most 100', async () => {
  for (let n = 1; n <= 101; n += 1) {
    const change = { action: 'limits', accountId: 'admin', reason: `change ${n}` };
    await changeControls(database.pool, 'sendgrid', change, (before) => ({ ...before, perDay: n }));
  }
  const { audit } = await history();
  expect(audit).toHaveLength(100);
  expect(audit[0]).toEqual({ at: expect.any(String), action: 'limits', accountId: 'admin', reason: 'change 101' });
});

it('answers 404 for an ESP that is not configured, and larger steps where more points would come than anybody looks at', async () => {
  const other = await ingress.app.inject({ method: 'GET', url: '/v1/esps/ses/history', headers: withKey });
  expect(other.statusCode).toBe(404);
  const tooMany = await ask(`?since=${hoursAgo(24 * 30)}&step=60`);
  expect(tooMany.json()).toMatchObject({ step: expect.any(Number) });
  expect(Math.round(tooMany.json<{ step: number }>().step / 10)).toBe(259);
  for (const query of ['?since=yesterday', '?step=0', '?step=1.5']) expect((await ask(query)).statusCode).toBe(422);
  expect((await ask('?until=now')).statusCode).toBe(400);
});

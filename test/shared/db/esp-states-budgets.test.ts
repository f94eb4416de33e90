import { beforeEach, describe, expect, it } from '@jest/globals';
import { decideStanding } from '../../../shared/db/decide-weights.ts';
import { changeControls } from '../../../shared/db/esp-controls.ts';
import { loadEspStates, type EspControls } from '../../../shared/db/esp-states.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
beforeEach(() =>
  database.pool.query('truncate esp_controls, esp_audit, esp_budgets, esp_cohorts, esp_statistics, esp_totals'),
);

const weighing = {
  policy: 'even' as const,
  esps: ['postmark', 'ses'],
  roundSeconds: 5,
  thresholds: { healthyThreshold: 6, unhealthyThreshold: 2 },
};
const set = (more: Partial<EspControls>) =>
  changeControls(database.pool, 'ses', { action: 'limits', accountId: 'admin', reason: null }, (before) => ({
    ...before,
    ...more,
  }));
const spend = (period: 'day' | 'month', spent: number) =>
  database.pool.query(
    `insert into esp_budgets (esp, period, since, spent) values ('ses', $1, date_trunc($1, now(), 'UTC'), $2)
     on conflict (esp, period) do update set since = excluded.since, spent = excluded.spent`,
    [period, spent],
  );
const mailOfLastDay = (sent: number) =>
  database.pool.query(
    `insert into esp_statistics (account_id, esp, mailbox_provider, batch_id, minute, sent)
     values ('admin', 'postmark', 'gmail', '', date_trunc('minute', now() - interval '1 hour'), $1)`,
    [sent],
  );
const most = async () => (await loadEspStates(database.pool, 5)).byEsp['ses']?.most;
const left = async (): Promise<{ day: number; month: number }> => {
  const { rows } = await database.pool.query<{ day: number; month: number }>(
    `select (extract(epoch from date_trunc('day', now(), 'UTC') + interval '1 day' - now()) / 86400)::float8 as day,
            (extract(epoch from (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC' - now()) / 86400)::float8 as month`,
  );
  return rows[0] ?? { day: NaN, month: NaN };
};

describe('What budgets leave an ESP', () => {
  it('is a share of the mail that the rest of the day brings, by the mail of the last one', async () => {
    await mailOfLastDay(100_000_000);
    await set({ perDay: 10_000_000 });
    await spend('day', 9_000_000);
    const expected = 1_000_000 / (100_000_000 * (await left()).day);
    expect(Math.abs(((await most()) ?? NaN) - Math.min(1, expected))).toBeLessThan(0.0021);
  });

  it('is a share of the mail that the rest of the month brings', async () => {
    await mailOfLastDay(100_000_000);
    await set({ perMonth: 1_000_000_000 });
    await spend('month', 500_000_000);
    const expected = 500_000_000 / (100_000_000 * (await left()).month);
    expect(Math.abs(((await most()) ?? NaN) - Math.min(1, expected))).toBeLessThan(0.0021);
  });

  it('is nothing of a spent day, and everything of one that has ended', async () => {
    await set({ perDay: 1_000 });
    await spend('day', 1_000);
    expect(await most()).toBe(0);
    await database.pool.query(`update esp_budgets set since = since - interval '1 day'`);
    expect(await most()).toBe(1);
  });

  it('caps its weight, and the decision says so', async () => {
    await mailOfLastDay(100_000_000);
    await set({ perMonth: 1_000 });
    const decision = await decideStanding(database.pool, 'admin', weighing);
    expect(decision.weights).toEqual({ postmark: 1_000, ses: 0 });
    expect(decision.basis.allowances['ses']).toBe('at most 0.0 %');
    expect(decision.reason).toContain('Held to a part: ses (0.0 %).');
    await set({ perMonth: null, ramp: { percentPerDay: 5, percent: 12.5, steppedAt: new Date().toISOString() } });
    const ramping = await decideStanding(database.pool, 'admin', weighing);
    expect(ramping.weights).toEqual({ postmark: 875, ses: 125 });
    expect(ramping.reason).toContain('Held to a part: ses (12.5 %).');
  });

  it('begins anew when a limit is taken away and set again', async () => {
    await set({ perDay: 1_000 });
    await spend('day', 1_000);
    await set({ perDay: null });
    expect(await most()).toBe(1);
    await set({ perDay: 1_000 });
    expect(await most()).toBe(1);
  });
});

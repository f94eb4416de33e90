import { describe, expect, it, beforeEach } from '@jest/globals';
import { leaseBudget } from '../../../shared/db/esp-budgets.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate esp_controls, esp_budgets, esp_statistics'));

const limit = (limits: { perSecond?: number; perDay?: number; perMonth?: number }, esp = 'ses') =>
  database.pool.query(
    `insert into esp_controls (esp, per_second, per_day, per_month) values ($1, $2, $3, $4)
     on conflict (esp) do update set per_second = excluded.per_second, per_day = excluded.per_day, per_month = excluded.per_month`,
    [esp, limits.perSecond ?? null, limits.perDay ?? null, limits.perMonth ?? null],
  );
const lease = (want: number, giveBack = 0, leasedAt?: string) =>
  leaseBudget(database.pool, { esp: 'ses', want, giveBack, leasedAt });
const spent = async (): Promise<Record<string, number>> => {
  const { rows } = await database.pool.query<{ period: string; spent: number }>(
    'select period, spent from esp_budgets',
  );
  return Object.fromEntries(rows.map((row) => [row.period, row.spent]));
};
const dayMs = 86_400_000;

describe('A lease of an ESP’s budget', () => {
  it('is granted in full, and written nowhere, without limits', async () => {
    expect(await lease(5_000)).toMatchObject({ granted: 5_000, held: undefined });
    await limit({});
    expect(await lease(5_000)).toMatchObject({ granted: 5_000, held: undefined });
    expect(await spent()).toEqual({});
  });

  it('is the least that any of its limits has left', async () => {
    await limit({ perSecond: 1_000, perDay: 100, perMonth: 150 });
    expect(await lease(60)).toMatchObject({ granted: 60, held: undefined });
    expect(await lease(60)).toMatchObject({ granted: 40, held: { by: 'day' } });
    expect(await spent()).toMatchObject({ day: 100, month: 100 });
    await database.pool.query(`update esp_budgets set since = since - interval '1 day' where period = 'day'`);
    const last = await lease(60);
    expect(last).toMatchObject({ granted: 50, held: { by: 'month' } });
    expect(last.held?.forMs).toBeGreaterThan(0);
    expect(last.held?.forMs).toBeLessThanOrEqual(31 * dayMs);
  });

  it('tells until when a spent day holds it', async () => {
    await limit({ perDay: 1 });
    await lease(1);
    const { granted, held } = await lease(1);
    expect({ granted, by: held?.by }).toEqual({ granted: 0, by: 'day' });
    const { rows } = await database.pool.query<{ ms: number }>(
      `select (extract(epoch from date_trunc('day', now(), 'UTC') + interval '1 day' - now()) * 1000)::float8 as ms`,
    );
    expect(Math.abs((held?.forMs ?? 0) - (rows[0]?.ms ?? 0))).toBeLessThan(60_000);
  });

  it('takes one second’s tokens at once and no more, and they come back with Postgres’s time', async () => {
    await limit({ perSecond: 50 });
    expect((await lease(80)).granted).toBe(50);
    await database.pool.query(`update esp_budgets set since = now() + interval '1 hour'`);
    expect(await lease(80)).toMatchObject({ granted: 0, held: { by: 'second', forMs: 20 } });
    await database.pool.query(`update esp_budgets set since = now() - interval '200 ms', spent = 50`);
    const { granted } = await lease(80);
    expect(granted).toBeGreaterThanOrEqual(10);
    expect(granted).toBeLessThanOrEqual(50);
    await database.pool.query(`update esp_budgets set since = now() - interval '1 hour', spent = 50`);
    expect((await lease(80)).granted).toBe(50);
  });

  it('gives back to the day and the month that it was of, and to no other', async () => {
    await limit({ perSecond: 1_000, perDay: 100, perMonth: 1_000 });
    const { at } = await lease(80);
    await lease(0, 30, at);
    expect(await spent()).toMatchObject({ day: 50, month: 50 });
    const yesterday = new Date(Date.now() - dayMs).toISOString();
    await lease(0, 30, yesterday);
    expect((await spent())['day']).toBe(50);
    // Sent without a lease, while Postgres was away.
    await lease(0, -70, at);
    expect((await spent())['day']).toBe(120);
    expect(await lease(1)).toMatchObject({ granted: 0, held: { by: 'day' } });
  });

  it('counts what was sent on the day before it had a limit', async () => {
    await database.pool.query(
      `insert into esp_statistics (account_id, esp, mailbox_provider, batch_id, minute, sent)
       values ('a', 'ses', 'gmail', '', date_trunc('day', now(), 'UTC'), 30), ('b', 'ses', 'other', '', date_trunc('day', now(), 'UTC'), 30),
              ('a', 'ses', 'gmail', '', date_trunc('day', now(), 'UTC') - interval '1 minute', 500), ('a', 'smtp', 'gmail', '', now(), 500)`,
    );
    await limit({ perDay: 100 });
    expect((await lease(100)).granted).toBe(40);
  });

  it('never takes more of a day than there is, however many ask at once', async () => {
    await limit({ perDay: 1_000, perMonth: 100_000 });
    const leaser = async (): Promise<number> => {
      let total = 0;
      for (;;) {
        const { granted } = await lease(7);
        if (granted === 0) return total;
        total += granted;
      }
    };
    const totals = await Promise.all(Array.from({ length: 8 }, leaser));
    expect(totals.reduce((sum, total) => sum + total, 0)).toBe(1_000);
    expect(await spent()).toEqual({ day: 1_000, month: 1_000 });
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import { budgetsOn, type FleetLimits } from '../../../consumers/email-send/consumer-budgets.ts';
import type { Database } from '../../../shared/db/connect.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate esp_controls, esp_budgets'));

const unlimited: FleetLimits = { perSecond: null, perDay: null, perMonth: null };
const limit = async (more: Partial<FleetLimits>): Promise<FleetLimits> => {
  const limits = { ...unlimited, ...more };
  await database.pool.query('insert into esp_controls (esp, per_second, per_day, per_month) values ($1, $2, $3, $4)', [
    'ses',
    limits.perSecond,
    limits.perDay,
    limits.perMonth,
  ]);
  return limits;
};
const postgresSeconds = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ s: number }>(
    'select extract(epoch from clock_timestamp())::float8 as s',
  );
  return rows[0]?.s ?? NaN;
};
const spentToday = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ spent: number }>(`select spent from esp_budgets where period = 'day'`);
  return rows[0]?.spent ?? 0;
};
/** The database, and how many statements it was asked. */
const counted = () => {
  let statements = 0;
  let isAway = false;
  const db: Database = {
    query: (text, values) => {
      statements += 1;
      return isAway
        ? Promise.reject(new InfrastructureError('postgres-away', 'gone'))
        : database.pool.query(text, values);
    },
  };
  return {
    db,
    statements: () => statements,
    away: (now: boolean) => {
      isAway = now;
    },
  };
};
const soon = () => performance.now() + 10_000;

describe('A process’s purse', () => {
  it('never lets four processes exceed a limit a second together, and lets each send', async () => {
    const limits = await limit({ perSecond: 50 });
    const startedAt = await postgresSeconds();
    let sent = 0;
    let isOver = false;
    const excess: number[] = [];
    const process = async (): Promise<number> => {
      const budgets = budgetsOn(database.pool);
      let own = 0;
      while (!isOver) {
        const { granted } = await budgets.take('ses', limits, 20, soon());
        own += granted;
        sent += granted;
        const total = sent;
        // Asked after the grant: at least as late as it.
        const elapsed = (await postgresSeconds()) - startedAt;
        excess.push(total - (50 + 50 * elapsed));
        isOver = elapsed > 3;
      }
      await budgets.close();
      return own;
    };
    const each = await Promise.all(Array.from({ length: 4 }, process));
    expect(Math.max(...excess)).toBeLessThanOrEqual(0);
    expect(each.filter((own) => own > 0)).toHaveLength(4);
    expect(sent).toBeGreaterThan(100);
  });

  it('never lets eight processes exceed a day’s budget, and spends all of it', async () => {
    const limits = await limit({ perDay: 1_000 });
    const purses = Array.from({ length: 8 }, () => budgetsOn(database.pool));
    const process = async (budgets: (typeof purses)[number]): Promise<number> => {
      let own = 0;
      for (;;) {
        const { granted, held } = await budgets.take('ses', limits, 30, soon());
        own += granted;
        if (held !== undefined) {
          expect(held.by).toBe('day');
          return own;
        }
      }
    };
    const totals = await Promise.all(purses.map(process));
    await Promise.all(purses.map((purse) => purse.close()));
    const total = totals.reduce((sum, own) => sum + own, 0);
    expect(total).toBeLessThanOrEqual(1_000);
    expect(await spentToday()).toBe(total);
  });

  it('asks Postgres once for what comes within a second, and serves in the order of asking', async () => {
    const limits = await limit({ perDay: 100_000 });
    const { db, statements } = counted();
    const budgets = budgetsOn(db);
    await budgets.take('ses', limits, 1, soon());
    const asked = statements();
    for (let n = 0; n < 99; n += 1) expect(await budgets.take('ses', limits, 1, soon())).toEqual({ granted: 1 });
    expect(statements()).toBe(asked);
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3].map(async (n) => {
        await budgets.take('ses', limits, 10, soon());
        order.push(n);
      }),
    );
    expect(order).toEqual([1, 2, 3]);
    expect(statements()).toBe(asked + 1);
    await budgets.close();
  });

  it('answers at once that a day is spent, without asking again, until a limit changes', async () => {
    const limits = await limit({ perDay: 10 });
    const { db, statements } = counted();
    const budgets = budgetsOn(db);
    expect(await budgets.take('ses', limits, 50, soon())).toEqual({ granted: 10 });
    const asked = statements();
    const refused = await budgets.take('ses', limits, 40, soon());
    expect(refused).toMatchObject({ granted: 0, held: { by: 'day' } });
    expect(refused.held?.retryAfterMs).toBeLessThanOrEqual(3_600_000);
    expect(statements()).toBe(asked);
    await database.pool.query('update esp_controls set per_day = 30');
    expect(await budgets.take('ses', { ...limits, perDay: 30 }, 40, soon())).toEqual({ granted: 20 });
    await budgets.close();
  });

  it('lets nobody wait for what comes too late', async () => {
    const limits = await limit({ perSecond: 5 });
    const budgets = budgetsOn(database.pool);
    expect(await budgets.take('ses', limits, 5, soon())).toEqual({ granted: 5 });
    expect(await budgets.take('ses', limits, 5, performance.now())).toEqual({
      granted: 0,
      held: { by: 'second', retryAfterMs: 1_000 },
    });
    await budgets.close();
  });

  it('gives back what it did not spend: when it closes, and when it has been idle', async () => {
    const limits = await limit({ perDay: 10_000 });
    const budgets = budgetsOn(database.pool);
    await budgets.take('ses', limits, 1, soon());
    expect(await spentToday()).toBe(100);
    await waitFor(async () => (await spentToday()) === 1, {
      what: 'the idle lease being given back',
      deadlineMs: 20_000,
    });
    await budgets.take('ses', limits, 3, soon());
    await budgets.close();
    expect(await spentToday()).toBe(4);
  });

  it('goes on at the last pace while Postgres is away, and tells what it spent when it is back', async () => {
    const limits = await limit({ perSecond: 20, perDay: 10_000 });
    const { db, away } = counted();
    const budgets = budgetsOn(db);
    expect(await budgets.take('ses', limits, 20, soon())).toEqual({ granted: 20 });
    away(true);
    expect(await budgets.take('ses', limits, 50, soon())).toEqual({ granted: 20 });
    expect(await budgets.take('ses', limits, 50, soon())).toEqual({ granted: 20 });
    expect(await spentToday()).toBe(20);
    away(false);
    const { granted } = await budgets.take('ses', limits, 5, soon());
    await budgets.close();
    expect(await spentToday()).toBe(60 + granted);
  });

  it('grants nothing while Postgres is away that it never leased', async () => {
    const limits = await limit({ perSecond: 20 });
    const { db, away } = counted();
    away(true);
    const answer = await budgetsOn(db).take('ses', limits, 1, performance.now() + 500);
    expect(answer).toMatchObject({ granted: 0, held: { by: 'second' } });
  });
});

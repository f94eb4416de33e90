import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addStatistics,
  loadEvidence,
  purgeCohorts,
  statisticsFold,
  type StatisticsRow,
} from '../../../shared/db/statistics.ts';
import {
  addEvidence,
  evidenceBetween,
  mergeEvidence,
  noEvidence,
  type EspEvidence,
  type Evidence,
} from '../../../shared/domain/evidence.ts';
import type { EspDelays, OutcomeDelays } from '../../../shared/domain/outcome-delay.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const ago = (ms: number): Date => new Date(Date.now() - ms);
const none = { sent: 0, delivered: 0, opened: 0, clicked: 0, bounced: 0, complained: 0, failed: 0, catchAll: 0 };
const aRow = (more: Partial<StatisticsRow> = {}): StatisticsRow => ({
  ...{ accountId: 'admin', esp: 'ses', mailboxProvider: 'gmail', batchId: '', minute: ago(2 * hour) },
  ...none,
  ...more,
});
/** An ESP whose outcomes took at most so long, and that has told them since a while. */
const telling = (maxMs: number, sinceAgo = 60 * day): EspDelays => ({
  sinceMs: Date.now() - sinceAgo,
  buckets: [{ bucket: 0, count: 100, minMs: 0, maxMs }],
});
const load = (delays: OutcomeDelays, accountId = 'admin') => loadEvidence(database.pool, accountId, delays);
const count = async (table: string): Promise<number> =>
  Number((await database.pool.query<{ n: string }>(`select count(*) as n from ${table}`)).rows[0]?.n);

describe('A fold of outcomes', () => {
  it('takes over no counts from a key that is a whole row', () => {
    const fold = statisticsFold();
    const row = aRow({ minute: new Date(0), sent: 3, delivered: 2, opened: 1, bounced: 1, catchAll: 1 });
    fold.add(row, 'sent', row.sent);
    fold.add(row, 'delivered', row.delivered);
    expect(fold.rows()).toEqual([{ ...row, opened: 0, bounced: 0, catchAll: 0 }]);
  });

  it('makes one row a tenth of a second and key, in one order for all writers', () => {
    const outcomes = fc.array(
      fc.record({
        esp: fc.constantFrom('ses', 'smtp'),
        at: fc.nat({ max: 5_000 }),
        outcome: fc.constantFrom('sent' as const, 'delivered' as const, 'bounced' as const),
      }),
    );
    const keyOf = (row: StatisticsRow): string => `${row.minute.getTime()} ${row.esp}`;
    fc.assert(
      fc.property(outcomes, (all) => {
        const foldOf = (list: typeof all): StatisticsRow[] => {
          const fold = statisticsFold();
          for (const { esp, at, outcome } of list) fold.add({ ...aRow(), esp, minute: new Date(at) }, outcome);
          return fold.rows();
        };
        const rows = foldOf(all);
        expect(rows).toEqual(foldOf([...all].reverse()));
        expect(new Set(rows.map(keyOf)).size).toBe(rows.length);
        for (const outcome of ['sent', 'delivered', 'bounced'] as const) {
          const counted = rows.reduce((sum, row) => sum + row[outcome], 0);
          expect(counted).toBe(all.filter((one) => one.outcome === outcome).length);
        }
        for (const row of rows) expect(row.minute.getTime() % (second / 10)).toBe(0);
      }),
    );
  });
});

describe('What is added', () => {
  it('lands in its minute, in its tenth of a second while it is young, and in the totals, each once', async () => {
    const [old, young] = [ago(2 * hour), ago(2 * minute)];
    const stamp = (time: Date, to: number): Date => new Date(Math.floor(time.getTime() / to) * to);
    await addStatistics(database.pool, [
      aRow({ minute: old, sent: 10, delivered: 8 }),
      aRow({ minute: old, batchId: 'spring', sent: 5 }),
      aRow({ minute: young, esp: 'smtp', sent: 3, bounced: 1 }),
      aRow({ minute: young, esp: 'smtp', batchId: 'spring', sent: 4 }),
    ]);
    await addStatistics(database.pool, [aRow({ minute: old, delivered: 1, opened: 2, failed: 1, catchAll: 1 })]);
    const select = async (columns: string, table: string): Promise<unknown[]> =>
      (
        await database.pool.query(
          `select ${columns}, sent::int, delivered::int, catch_all::int from ${table} order by esp, sent desc`,
        )
      ).rows;
    expect(await select('esp, batch_id, minute', 'esp_statistics')).toEqual([
      { esp: 'ses', batch_id: '', minute: stamp(old, minute), sent: 10, delivered: 9, catch_all: 1 },
      { esp: 'ses', batch_id: 'spring', minute: stamp(old, minute), sent: 5, delivered: 0, catch_all: 0 },
      { esp: 'smtp', batch_id: 'spring', minute: stamp(young, minute), sent: 4, delivered: 0, catch_all: 0 },
      { esp: 'smtp', batch_id: '', minute: stamp(young, minute), sent: 3, delivered: 0, catch_all: 0 },
    ]);
    expect(await select('esp, sent_at', 'esp_cohorts')).toEqual([
      { esp: 'smtp', sent_at: stamp(young, second / 10), sent: 7, delivered: 0, catch_all: 0 },
    ]);
    expect(await select('esp', 'esp_totals')).toEqual([
      { esp: 'ses', sent: 15, delivered: 9, catch_all: 1 },
      { esp: 'smtp', sent: 7, delivered: 0, catch_all: 0 },
    ]);
  });

  it('is lost by none of many writers, and they do not lock each other for ever', async () => {
    const keys = ['ses', 'smtp', 'sendgrid', 'postmark'].flatMap((esp) =>
      ['gmail', 'other'].map((mailboxProvider) => ({ esp, mailboxProvider })),
    );
    const at = new Date();
    await Promise.all(
      Array.from({ length: 16 }, (_, writer) => {
        const fold = statisticsFold();
        const order = writer % 2 === 0 ? keys : [...keys].reverse();
        for (const key of order) fold.add({ ...aRow({ minute: at }), ...key }, 'sent', 5);
        return database.pool.transaction((db) => addStatistics(db, fold.rows()));
      }),
    );
    const { totals } = await load({});
    for (const { esp, mailboxProvider } of keys) expect(totals[esp]?.[mailboxProvider]?.sent).toBe(80);
    const { rows } = await database.pool.query('select sum(sent)::int as sent from esp_cohorts');
    expect(rows).toEqual([{ sent: 16 * 8 * 5 }]);
  });

  it('by the tenth of a second is forgotten when nobody asks for it any more', async () => {
    await addStatistics(database.pool, [
      aRow({ minute: ago(minute), sent: 1 }),
      aRow({ minute: ago(2 * minute), sent: 1 }),
    ]);
    await database.pool.query(
      `insert into esp_cohorts (account_id, esp, mailbox_provider, sent_at, sent) values ('admin', 'ses', 'gmail', now() - interval '21 min', 1)`,
    );
    await purgeCohorts(database.pool);
    expect(await count('esp_cohorts')).toBe(2);
    expect(await count('esp_statistics')).toBe(2);
  });
});

describe('The evidence of an account', () => {
  // Ages in ms, each far from any edge, and how many hours ago that is.
  const ages = {
    seconds: 5 * second,
    minutes: 4 * minute,
    third: 20 * minute,
    hour: 50 * minute,
    hours: 3.5 * hour,
    days: 30 * hour,
    months: 31 * day,
  };
  type Age = keyof typeof ages;
  const delays = (): OutcomeDelays => ({
    quick: telling(minute),
    slow: telling(30 * minute),
    recent: telling(minute, 2 * hour),
  });
  const isSettled = (esp: string, age: Age): boolean => {
    if (esp === 'unheard') return false;
    if (esp === 'recent' && ages[age] > 2 * hour) return false;
    return ages[age] > (esp === 'slow' ? 30 * minute : minute);
  };
  const sliceOf = (age: Age): 'past' | 'hours ago' | 'this hour' | undefined =>
    age === 'months' ? undefined : age === 'days' ? 'past' : age === 'hours' ? 'hours ago' : 'this hour';

  const told = fc.record({
    esp: fc.constantFrom('quick', 'slow', 'recent', 'unheard'),
    provider: fc.constantFrom('gmail', 'other'),
    age: fc.constantFrom(...(Object.keys(ages) as Age[])),
    sent: fc.nat({ max: 50 }),
    delivered: fc.nat({ max: 50 }),
    opened: fc.nat({ max: 9 }),
    complained: fc.nat({ max: 9 }),
    catchAll: fc.nat({ max: 9 }),
  });

  it('counts all that was sent, and of settled mail alone what became of it, by the hour and in the totals', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(told, { maxLength: 25 }), async (rows) => {
        const accountId = `account-${(run += 1)}`;
        const expected: Record<string, Evidence> = { past: {}, 'hours ago': {}, 'this hour': {}, totals: {} };
        for (const { esp, provider, age, ...counts } of rows) {
          const evidence: EspEvidence = isSettled(esp, age)
            ? { ...noEvidence, ...counts, settled: counts.sent }
            : { ...noEvidence, sent: counts.sent };
          for (const name of [sliceOf(age), 'totals']) {
            if (name !== undefined)
              expected[name] = mergeEvidence(expected[name] ?? {}, { [esp]: { [provider]: evidence } });
          }
        }
        await addStatistics(
          database.pool,
          rows.map(({ esp, provider, age, ...counts }, index) =>
            aRow({
              ...counts,
              accountId,
              esp,
              mailboxProvider: provider,
              minute: ago(ages[age]),
              batchId: `b${index % 3}`,
            }),
          ),
        );
        const found = await load(delays(), accountId);
        expect(found.totals).toEqual(expected['totals']);
        expect(found.past).toEqual(expected['past']);
        const hours = [expected['hours ago'] ?? {}, expected['this hour'] ?? {}];
        expect(found.hours).toEqual(hours.filter((cells) => Object.keys(cells).length > 0));
      }),
      { numRuns: 25 },
    );
  });

  it('that became known between two moments is what became of whole cohorts', async () => {
    await addStatistics(database.pool, [
      aRow({ minute: ago(hour), sent: 100, delivered: 97 }),
      aRow({ minute: ago(20 * second), sent: 40, delivered: 30, catchAll: 5 }),
    ]);
    const before = await load({ ses: telling(minute) });
    expect(before.totals).toEqual({ ses: { gmail: { ...noEvidence, sent: 140, settled: 100, delivered: 97 } } });
    // Its outcomes are told before it is settled: nothing of them is known yet.
    await addStatistics(database.pool, [aRow({ minute: ago(20 * second), delivered: 8, bounced: 1 })]);
    expect(await load({ ses: telling(minute) })).toEqual(before);
    // It turns out that outcomes take five seconds, so all of it is settled: with its silent message.
    const after = await load({ ses: telling(5 * second) });
    expect(evidenceBetween(after.totals, before.totals)).toEqual({
      ses: { gmail: { ...noEvidence, settled: 40, delivered: 38, bounced: 1, catchAll: 5 } },
    });
    // What comes later still corrects it.
    await addStatistics(database.pool, [aRow({ minute: ago(20 * second), complained: 1 })]);
    const later = await load({ ses: telling(5 * second) });
    expect(evidenceBetween(later.totals, after.totals)['ses']?.['gmail']).toEqual({ ...noEvidence, complained: 1 });
  });

  it('tells the young seconds of a minute from its settled ones', async () => {
    const at = Math.floor(Date.now() / second) * second;
    await addStatistics(database.pool, [
      aRow({ minute: new Date(at - 20 * second), sent: 10, delivered: 9 }),
      aRow({ minute: new Date(at - 40 * second), sent: 20, delivered: 18 }),
      aRow({ minute: new Date(at - 80 * second), sent: 40, delivered: 36 }),
    ]);
    expect((await load({ ses: telling(60 * second) })).totals['ses']?.['gmail']).toMatchObject({
      sent: 70,
      settled: 40,
      delivered: 36,
    });
    expect((await load({ ses: telling(30 * second) })).totals['ses']?.['gmail']).toMatchObject({
      sent: 70,
      settled: 60,
      delivered: 54,
    });
  });

  it('is of one account', async () => {
    await addStatistics(database.pool, [
      aRow({ sent: 10 }),
      aRow({ accountId: 'other', sent: 100, minute: ago(second) }),
    ]);
    expect((await load({ ses: telling(minute) })).totals['ses']?.['gmail']?.sent).toBe(10);
    expect(await load({ ses: telling(minute) }, 'nobody')).toEqual({ past: {}, hours: [], totals: {} });
  });

  it('adds its slices up to its totals', async () => {
    await addStatistics(database.pool, [
      aRow({ minute: ago(30 * hour), sent: 5, delivered: 4 }),
      aRow({ minute: ago(2 * hour), sent: 7, delivered: 7 }),
      aRow({ minute: ago(second), sent: 9, delivered: 1 }),
    ]);
    const { past, hours, totals } = await load({ ses: telling(minute) });
    const all = hours.reduce(mergeEvidence, past);
    expect(all).toEqual(totals);
    expect(all['ses']?.['gmail']).toEqual(
      addEvidence(noEvidence, { ...noEvidence, sent: 21, settled: 12, delivered: 11 }),
    );
  });
});

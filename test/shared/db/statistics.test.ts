import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addStatistics,
  evidenceOf30Days,
  runningTotals,
  statisticsFold,
  type StatisticsRow,
} from '../../../shared/db/statistics.ts';
import { useDatabase } from './tables.ts';

test('a fold takes over no counts from a key that is a whole row', () => {
  const fold = statisticsFold();
  const row = {
    ...{ accountId: 'a', esp: 'e', mailboxProvider: 'gmail', batchId: '', minute: new Date(0) },
    ...{ sent: 3, delivered: 2, opened: 1, clicked: 0, bounced: 1, complained: 0, failed: 0 },
  };
  fold.add(row, 'sent', row.sent);
  fold.add(row, 'delivered', row.delivered);
  expect(fold.rows()).toEqual([{ ...row, opened: 0, bounced: 0 }]);
});

const database = useDatabase();
const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
const twoHoursAgo = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 7_200_000);
const none = { sent: 0, delivered: 0, opened: 0, clicked: 0, bounced: 0, complained: 0, failed: 0 };
const aRow = (more: Partial<StatisticsRow> = {}): StatisticsRow => ({
  ...{ accountId: 'admin', esp: 'ses', mailboxProvider: 'gmail', batchId: '', minute: twoHoursAgo },
  ...none,
  ...more,
});

test('a fold makes one row a minute and key, in one order for all writers', () => {
  const outcomes = fc.array(
    fc.record({
      esp: fc.constantFrom('ses', 'smtp'),
      at: fc.nat({ max: 200_000 }),
      outcome: fc.constantFrom('sent' as const, 'delivered' as const, 'bounced' as const),
    }),
  );
  const keyOf = ({ minute, esp }: StatisticsRow): string => `${minute.getTime()} ${esp}`;
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
      for (const { minute } of rows) expect(minute.getTime() % 60_000).toBe(0);
    }),
  );
});

test('what is added lands in its minute and in the running totals, each once', async () => {
  const rows = [
    aRow({ sent: 10, delivered: 8 }),
    aRow({ batchId: 'spring', sent: 5 }),
    aRow({ esp: 'smtp', sent: 3, bounced: 1 }),
  ];
  await addStatistics(database.pool, rows);
  await addStatistics(database.pool, [aRow({ delivered: 1, opened: 2, failed: 1 })]);
  expect(await runningTotals(database.pool, 'admin')).toEqual({
    ses: { sent: 15, settled: 10, delivered: 9, opened: 2, clicked: 0, bounced: 0, complained: 0 },
    smtp: { sent: 3, settled: 1, delivered: 0, opened: 0, clicked: 0, bounced: 1, complained: 0 },
  });
  expect(await runningTotals(database.pool, 'other')).toEqual({});
  const { rows: stored } = await database.pool.query(
    'select batch_id, esp, sent::int, delivered::int from esp_statistics order by 1, 2',
  );
  expect(stored).toEqual([
    { batch_id: '', esp: 'ses', sent: 10, delivered: 9 },
    { batch_id: '', esp: 'smtp', sent: 3, delivered: 0 },
    { batch_id: 'spring', esp: 'ses', sent: 5, delivered: 0 },
  ]);
});

test('many writers at once lose nothing and do not lock each other for ever', async () => {
  const keys = ['ses', 'smtp', 'sendgrid', 'postmark'].flatMap((esp) =>
    ['gmail', 'other'].map((mailboxProvider) => ({ esp, mailboxProvider })),
  );
  await Promise.all(
    Array.from({ length: 16 }, (_, writer) => {
      const fold = statisticsFold();
      const order = writer % 2 === 0 ? keys : [...keys].reverse();
      for (const key of order) fold.add({ ...aRow(), ...key }, 'sent', 5);
      return database.pool.transaction((db) => addStatistics(db, fold.rows()));
    }),
  );
  const totals = await runningTotals(database.pool, 'admin');
  expect(Object.values(totals).map(({ sent }) => sent)).toEqual([160, 160, 160, 160]);
});

test('the evidence of 30 days is of one account, and of one mailbox provider when it is named', async () => {
  await addStatistics(database.pool, [
    aRow({ sent: 10, delivered: 9 }),
    aRow({ mailboxProvider: 'other', sent: 4, delivered: 1 }),
    aRow({ accountId: 'other', sent: 100 }),
    aRow({ minute: minutesAgo(31 * 24 * 60), sent: 1_000 }),
  ]);
  expect((await evidenceOf30Days(database.pool, 'admin'))['ses']).toMatchObject({ sent: 14, delivered: 10 });
  expect((await evidenceOf30Days(database.pool, 'admin', 'gmail'))['ses']).toMatchObject({ sent: 10, delivered: 9 });
  expect(await evidenceOf30Days(database.pool, 'nobody')).toEqual({});
});

test('mail of the last hour is settled once it has an outcome, older mail without one is lost', async () => {
  await addStatistics(database.pool, [
    aRow({ esp: 'recent', minute: minutesAgo(5), sent: 100, delivered: 30, bounced: 5, failed: 1, opened: 20 }),
    aRow({ esp: 'older', minute: minutesAgo(90), sent: 100, delivered: 30 }),
    aRow({ esp: 'odd', minute: minutesAgo(5), sent: 10, delivered: 10, bounced: 5 }),
  ]);
  const evidence = await evidenceOf30Days(database.pool, 'admin');
  expect([evidence['recent']?.settled, evidence['older']?.settled, evidence['odd']?.settled]).toEqual([36, 100, 10]);
});

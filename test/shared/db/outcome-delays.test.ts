import { expect, it } from '@jest/globals';
import { addDelays, loadDelays } from '../../../shared/db/outcome-delays.ts';
import { delayBucket, settledAfterMs } from '../../../shared/domain/outcome-delay.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const add = (esp: string, delayMs: number, count: number) =>
  addDelays(database.pool, Array<{ esp: string; delayMs: number }>(count).fill({ esp, delayMs }));
const countOf = async (esp: string, delayMs: number): Promise<number | undefined> =>
  (await loadDelays(database.pool))[esp]?.buckets.find(({ bucket }) => bucket === delayBucket(delayMs))?.count;

it('keeps delays by ESP and bucket, with the quickest and the slowest of each', async () => {
  await addDelays(database.pool, [
    { esp: 'ses', delayMs: 1_010 },
    { esp: 'ses', delayMs: 1_390.4 },
    { esp: 'smtp', delayMs: -5 },
    { esp: 'ses', delayMs: 60_000 },
  ]);
  await addDelays(database.pool, []);
  const delays = await loadDelays(database.pool);
  expect(delays['ses']?.buckets).toEqual([
    { bucket: delayBucket(1_010), count: 2, minMs: 1_010, maxMs: 1_390 },
    { bucket: delayBucket(60_000), count: 1, minMs: 60_000, maxMs: 60_000 },
  ]);
  expect(delays['smtp']?.buckets).toEqual([{ bucket: 0, count: 1, minMs: 0, maxMs: 0 }]);
});

it('lets older outcomes count less with every new one, so that a new pace is soon known', async () => {
  await add('ses', 60_000, 300);
  await add('ses', 1_000, 300);
  expect(await countOf('ses', 60_000)).toBeCloseTo(150, 9);
  expect(await countOf('ses', 1_000)).toBe(300);
  await add('ses', 1_000, 100);
  expect(await countOf('ses', 60_000)).toBeCloseTo(112.5, 9);
  expect(await countOf('ses', 1_000)).toBeCloseTo(325, 9);
  expect(settledAfterMs(await loadDelays(database.pool), 'ses')).toBe(60_000);
  for (let n = 0; n < 15; n += 1) await add('ses', 1_000, 100);
  expect(settledAfterMs(await loadDelays(database.pool), 'ses')).toBe(1_000);
});

it('fades the delays of no ESP that told nothing', async () => {
  await add('ses', 1_000, 10);
  await add('smtp', 1_000, 500);
  expect(await countOf('ses', 1_000)).toBe(10);
});

it('remembers since when an ESP tells, however its delays change', async () => {
  await add('ses', 3_600_000, 1);
  const first = (await loadDelays(database.pool))['ses']?.sinceMs ?? 0;
  expect(first).toBeLessThanOrEqual(Date.now() - 3_600_000);
  await add('ses', 1_000, 5);
  expect((await loadDelays(database.pool))['ses']?.sinceMs).toBe(first);
  await add('ses', 7_200_000, 1);
  expect((await loadDelays(database.pool))['ses']?.sinceMs).toBeLessThan(first);
});

it('loses nothing among many writers, and none waits for ever', async () => {
  const delays = ['ses', 'smtp', 'sendgrid'].flatMap((esp) =>
    [500, 5_000, 50_000].map((delayMs) => ({ esp, delayMs })),
  );
  await addDelays(database.pool, delays);
  await Promise.all(
    Array.from({ length: 16 }, (_, writer) =>
      database.pool.transaction((db) => addDelays(db, writer % 2 === 0 ? delays : [...delays].reverse())),
    ),
  );
  // Each of 16 writers fades what was there by 300 / 303 and adds one to each bucket.
  let expected = 1;
  for (let writer = 0; writer < 16; writer += 1) expected = (expected * 300) / 303 + 1;
  for (const { esp, delayMs } of delays) expect(await countOf(esp, delayMs)).toBeCloseTo(expected, 6);
});

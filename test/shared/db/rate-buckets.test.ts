import { beforeEach, describe, expect, it } from '@jest/globals';
import { leaseRates, purgeRateBuckets } from '../../../shared/db/rate-buckets.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate rate_buckets'));
const lease = async (bucket: string, want: number, perMinute = 60, giveBack = 0) =>
  (await leaseRates(database.pool, [{ bucket, perMinute, want, giveBack }]))[0];
const goBack = (seconds: number) =>
  database.pool.query(`update rate_buckets set filled_at = filled_at - $1::int * interval '1 s'`, [seconds]);

describe('A bucket', () => {
  it('is full at first, grants what it has and no more', async () => {
    expect(await lease('a', 50)).toBe(50);
    expect(await lease('a', 50)).toBe(10);
    expect(await lease('a', 1)).toBe(0);
    expect(await lease('b', 100)).toBe(60);
  });

  it('fills again by the minute, and never above what it holds', async () => {
    expect(await lease('a', 60)).toBe(60);
    await goBack(30);
    expect(await lease('a', 60)).toBe(30);
    await goBack(3_600);
    expect(await lease('a', 100)).toBe(60);
  });

  it('takes back what was not spent', async () => {
    await lease('a', 60);
    expect(await lease('a', 20, 60, 15)).toBe(15);
  });

  it('takes a change of its size at once', async () => {
    await lease('a', 6_000, 6_000);
    expect(await lease('a', 10, 60)).toBe(0);
    await goBack(10);
    expect(await lease('a', 60, 60)).toBe(10);
  });

  it('is leased with others in one statement, new ones among them', async () => {
    await lease('a', 55);
    const asks = ['b', 'a', 'c'].map((bucket) => ({ bucket, perMinute: 60, want: 10, giveBack: 0 }));
    expect(await leaseRates(database.pool, asks)).toEqual([10, 5, 10]);
  });

  it('never grants more than it holds to many at once, in whatever order they ask', async () => {
    const buckets = ['a', 'b', 'c', 'd'];
    const granted = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        leaseRates(
          database.pool,
          (n % 2 === 0 ? buckets : [...buckets].reverse()).map((bucket) => ({
            ...{ bucket, perMinute: 100, want: 10, giveBack: 0 },
          })),
        ),
      ),
    );
    for (const place of [0, 1, 2, 3]) {
      const sum = granted.reduce((total, grants, n) => total + (grants[n % 2 === 0 ? place : 3 - place] ?? 0), 0);
      expect(sum).toBeGreaterThanOrEqual(100);
      // Forty leases take less than six seconds.
      expect(sum).toBeLessThan(110);
    }
  });

  it('is removed when nobody has asked for ten minutes', async () => {
    await lease('a', 1);
    await goBack(700);
    await lease('b', 1);
    expect(await purgeRateBuckets(database.pool, 10)).toBe(1);
    expect(await purgeRateBuckets(database.pool, 10)).toBe(0);
  });
});

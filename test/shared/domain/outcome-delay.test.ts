import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { delayBucket, settledAfterMs, type OutcomeDelays } from '../../../shared/domain/outcome-delay.ts';

const minute = 60_000;
/** Delays of one ESP: so many outcomes for each slowest delay. */
const told = (...buckets: readonly (readonly [count: number, maxMs: number])[]): OutcomeDelays[string] => ({
  sinceMs: 0,
  buckets: buckets.map(([count, maxMs]) => ({ bucket: delayBucket(maxMs), count, minMs: maxMs / 2, maxMs })),
});

describe('A delay', () => {
  it('falls into a bucket that grows with it, and ends at the last', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2_000_000_000 }), fc.nat({ max: 2_000_000_000 }), (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(delayBucket(less)).toBeLessThanOrEqual(delayBucket(more));
        expect(delayBucket(less)).toBeGreaterThanOrEqual(0);
        expect(delayBucket(more)).toBeLessThanOrEqual(44);
      }),
    );
    expect([0, 250, 499, 500, 1_000].map(delayBucket)).toEqual([0, 0, 1, 2, 4]);
    expect(delayBucket(Number.MAX_SAFE_INTEGER)).toBe(44);
  });
});

describe('Mail is settled', () => {
  it('never, for an ESP of which nothing was ever heard', () => {
    expect(settledAfterMs({}, 'smtp')).toBeUndefined();
    expect(settledAfterMs({ ses: told([500, 2_000]) }, 'smtp')).toBeUndefined();
  });

  it.each<[string, readonly (readonly [number, number])[], number]>([
    ['at the slowest outcome, when all are quick', [[100, 2_000]], 2_000],
    [
      'when all but one in fifty have come',
      [
        [90, 1_000],
        [8, 4_000],
        [2, minute],
      ],
      4_000,
    ],
    [
      'whatever the order of the buckets',
      [
        [2, minute],
        [8, 4_000],
        [90, 1_000],
      ],
      4_000,
    ],
    [
      'when even the slow tenth has come, if that is soon',
      [
        [89, 1_000],
        [11, 10 * minute],
      ],
      10 * minute,
    ],
    [
      'a quarter of an hour after most, if the rest takes hours',
      [
        [91, 1_000],
        [9, 300 * minute],
      ],
      15 * minute + 1_000,
    ],
    [
      'late, if most take hours',
      [
        [50, 60 * minute],
        [50, 300 * minute],
      ],
      300 * minute,
    ],
  ])('%s', (_, buckets, expected) => {
    expect(settledAfterMs({ ses: told(...buckets) }, 'ses')).toBe(expected);
  });

  it('by what all ESPs told, while an ESP itself told only a handful', () => {
    const delays = { ses: told([1_000, 5 * minute]), fresh: told([3, 1_000]) };
    expect(settledAfterMs(delays, 'fresh')).toBe(5 * minute);
    expect(settledAfterMs({ ...delays, fresh: told([20, 1_000]) }, 'fresh')).toBe(1_000);
  });

  it('no later than the slowest outcome, and no sooner than most', () => {
    const bucket = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 10_000_000 }));
    fc.assert(
      fc.property(fc.array(bucket, { minLength: 1, maxLength: 10 }), (buckets) => {
        const settled = settledAfterMs({ ses: told(...buckets) }, 'ses') ?? -1;
        const total = buckets.reduce((sum, [count]) => sum + count, 0);
        const known = buckets.reduce((sum, [count, maxMs]) => sum + (maxMs <= settled ? count : 0), 0);
        expect(settled).toBeLessThanOrEqual(Math.max(...buckets.map(([, maxMs]) => maxMs)));
        expect(known).toBeGreaterThanOrEqual(0.9 * total);
      }),
    );
  });
});

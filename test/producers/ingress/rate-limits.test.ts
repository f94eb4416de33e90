import { describe, expect, it } from '@jest/globals';
import { createRateLimits } from '../../../producers/ingress/rate-limits.ts';
import type { RateAsk } from '../../../shared/db/rate-buckets.ts';
import { InfrastructureError } from '../../../shared/errors.ts';

/** Limits on a lease in memory that grants up to `holds` in all, at a time that the test sets. */
const world = (holds = Infinity) => {
  const asked: RateAsk[][] = [];
  let left = holds;
  let now = 1_000_000;
  let isAway = false;
  const limits = createRateLimits({
    lease: (asks) => {
      asked.push([...asks]);
      if (isAway) return Promise.reject(new InfrastructureError('postgres-away', 'gone'));
      return Promise.resolve(
        asks.map(({ want, giveBack }) => {
          left += giveBack;
          const granted = Math.min(want, left);
          left -= granted;
          return granted;
        }),
      );
    },
    now: () => now,
    random: () => 0,
  });
  return { limits, asked, pass: (ms: number) => (now += ms), away: (is: boolean) => (isAway = is) };
};

describe('A limit', () => {
  it('is leased a second’s worth at a time, and spent in memory', async () => {
    const { limits, asked } = world();
    for (let n = 0; n < 20; n += 1) expect(await limits.take('a', 1_200)).toEqual({ ok: true });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toEqual([{ bucket: 'a', perMinute: 1_200, want: 20, giveBack: 0 }]);
  });

  it('gives back with the next lease what was not spent, and leases twice what was spent lately', async () => {
    const { limits, asked, pass } = world();
    await limits.take('a', 1_200, 7);
    pass(1_000);
    await limits.take('a', 1_200, 30);
    pass(1_000);
    await limits.take('a', 1_200, 1);
    expect(asked.map(([ask]) => [ask?.want, ask?.giveBack])).toEqual([
      [20, 0],
      [30, 13],
      [60, 0],
    ]);
  });

  it('that is spent refuses at once and says for how long, without asking again', async () => {
    const { limits, asked, pass } = world(5);
    expect(await limits.take('a', 60, 5)).toEqual({ ok: true });
    pass(1_000);
    const refusals = await Promise.all([limits.take('a', 60), limits.take('a', 60, 30)]);
    expect(refusals).toEqual([
      { ok: false, retryAfterMs: 1_000 },
      { ok: false, retryAfterMs: 30_000 },
    ]);
    const statements = asked.length;
    for (let n = 0; n < 100; n += 1) expect(await limits.take('a', 60)).toMatchObject({ ok: false });
    expect(asked).toHaveLength(statements);
    expect(limits.closedForMs('a')).toBe(1_000);
    pass(1_000);
    expect(limits.closedForMs('a')).toBeUndefined();
    await limits.take('a', 60);
    expect(asked).toHaveLength(statements + 1);
  });

  it('counts who comes faster than it can be asked, and closes when that is a minute’s worth', async () => {
    const { limits, asked, pass } = world(60);
    expect(await limits.take('a', 60)).toEqual({ ok: true });
    // Not asked for again within the second.
    const waiting = Array.from({ length: 62 }, () => limits.take('a', 60));
    expect(limits.closedForMs('a')).toBe(1_000);
    expect(asked).toHaveLength(1);
    pass(1_000);
    expect((await Promise.all(waiting)).filter(({ ok }) => ok)).toHaveLength(59);
  });

  it('lets nobody wait for a bucket that is spent, though a part of the last lease is left', async () => {
    const { limits, pass } = world(12);
    expect(await limits.take('a', 1_200, 8)).toEqual({ ok: true });
    expect(limits.closedForMs('a')).toBeUndefined();
    expect(await limits.take('a', 1_200, 5)).toMatchObject({ ok: false });
    expect(await limits.take('a', 1_200, 4)).toEqual({ ok: true });
    expect(limits.closedForMs('a')).toBe(1_000);
    pass(1_000);
    expect(limits.closedForMs('a')).toBeUndefined();
  });

  it('never grants a part of what is wanted', async () => {
    const { limits, pass } = world(50);
    expect(await limits.take('a', 6_000, 60)).toMatchObject({ ok: false });
    pass(1_000);
    expect(await limits.take('a', 6_000, 50)).toEqual({ ok: true });
  });

  it('never grants more than a minute’s worth, and asks nobody for it', async () => {
    const { limits, asked } = world();
    expect(await limits.take('a', 100, 101)).toMatchObject({ ok: false });
    expect(asked).toHaveLength(0);
  });

  it('is asked for by all who come at once in one statement, whatever their bucket', async () => {
    const { limits, asked } = world();
    const taken = await Promise.all(Array.from({ length: 300 }, (_, n) => limits.take(`b${n % 100}`, 1_200)));
    expect(taken.every(({ ok }) => ok)).toBe(true);
    // The first goes out alone, the others while it is under way.
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  it('is not outlived by its slice: what has lain about for ten seconds is given up', async () => {
    const { limits, asked, pass } = world();
    await limits.take('a', 1_200);
    pass(10_001);
    await limits.take('a', 1_200);
    expect(asked.map(([ask]) => ask?.giveBack)).toEqual([0, 0]);
  });
});

describe('While Postgres is away', () => {
  it('the last slice size goes on', async () => {
    const { limits, away, pass } = world();
    await limits.take('a', 1_200, 40);
    away(true);
    pass(1_000);
    expect(await Promise.all([limits.take('a', 1_200, 40), limits.take('a', 1_200, 1)])).toEqual([
      { ok: true },
      { ok: false, retryAfterMs: 1_000 },
    ]);
  });

  it('who was never seen gets a second’s worth', async () => {
    const { limits, away } = world();
    away(true);
    expect(await Promise.all([limits.take('a', 1_200, 20), limits.take('b', 1_200, 21)])).toEqual([
      { ok: true },
      { ok: false, retryAfterMs: 1_000 },
    ]);
  });

  it('nobody waits twice for a statement that hangs', async () => {
    let release = (): void => undefined;
    let statements = 0;
    const limits = createRateLimits({
      lease: (asks) => {
        statements += 1;
        return new Promise((resolve) => {
          release = () => {
            resolve(asks.map(() => 1));
          };
        });
      },
      now: Date.now,
      random: () => 0,
    });
    expect(await limits.take('a', 1_200)).toEqual({ ok: true });
    expect(await limits.take('b', 1_200)).toEqual({ ok: true });
    expect(statements).toBe(1);
    release();
  });
});

it('A fault that is not Postgres’s absence is thrown, to every one who waits', async () => {
  const limits = createRateLimits({
    lease: () => Promise.reject(new TypeError('a bug')),
    now: Date.now,
    random: () => 0,
  });
  const both = await Promise.allSettled([limits.take('a', 1_200), limits.take('a', 1_200)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { messageClasses } from '../../../shared/contracts/email.ts';
import { callTimeouts, retryDelayMs, unknownWindowMs, usualLifetimesMs } from '../../../shared/domain/next-attempt.ts';

const minute = 60_000;
const hour = 60 * minute;
const fresh = { ageMs: 0, lifetimeMs: usualLifetimesMs.transactional };
const random = fc.double({ min: 0, max: 1, noNaN: true });

describe('The delay until the next try', () => {
  it('doubles from 5 s and ends at 15 min', () => {
    const delays = [1, 2, 3, 4, 8, 9, 1_000].map((attempts) => retryDelayMs({ ...fresh, attempts, random: 1 }));
    expect(delays).toEqual([5_000, 10_000, 20_000, 40_000, 640_000, 15 * minute, 15 * minute]);
  });

  it('never shrinks with the number of tries, and never passes the cap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), random, (attempts, drawn) => {
        const now = retryDelayMs({ ...fresh, attempts, random: drawn }) ?? 0;
        const later = retryDelayMs({ ...fresh, attempts: attempts + 1, random: drawn }) ?? 0;
        expect(later).toBeGreaterThanOrEqual(now);
        expect(later).toBeLessThanOrEqual(15 * minute);
        expect(now).toBeGreaterThanOrEqual(2_500);
      }),
    );
  });

  it('is spread over the upper half, so that many do not come back at once', () => {
    expect(retryDelayMs({ ...fresh, attempts: 3, random: 0 })).toBe(10_000);
    expect(retryDelayMs({ ...fresh, attempts: 3, random: 0.5 })).toBe(15_000);
  });

  it('is at least what the ESP asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), random, fc.nat({ max: hour }), (attempts, drawn, retryAfterMs) => {
        const delay = retryDelayMs({ ...fresh, attempts, random: drawn, retryAfterMs }) ?? 0;
        expect(delay).toBeGreaterThanOrEqual(retryAfterMs);
        expect(delay).toBeGreaterThanOrEqual(retryDelayMs({ ...fresh, attempts, random: drawn }) ?? Infinity);
      }),
    );
  });

  it.each([
    ['otp', 5 * minute],
    ['transactional', 24 * hour],
    ['bulk', 72 * hour],
  ] as const)('of class %s is none once it would end past its lifetime', (messageClass, lifetimeMs) => {
    expect(usualLifetimesMs[messageClass]).toBe(lifetimeMs);
    const tried = { attempts: 1, random: 1, lifetimeMs };
    expect(retryDelayMs({ ...tried, ageMs: lifetimeMs - 5_000 })).toBe(5_000);
    expect(retryDelayMs({ ...tried, ageMs: lifetimeMs - 4_999 })).toBeUndefined();
    expect(retryDelayMs({ ...tried, ageMs: 0, retryAfterMs: lifetimeMs + 1 })).toBeUndefined();
  });
});

describe('The clocks of a message', () => {
  it('leave an ambiguous attempt 3 s, 60 s or 10 min for its webhook', () => {
    expect(unknownWindowMs).toEqual({ otp: 3_000, transactional: 60_000, bulk: 600_000 });
  });

  it('give a one-time code shorter deadlines than other mail', () => {
    expect(messageClasses.map(callTimeouts)).toEqual([
      { connectTimeoutMs: 3_000, totalTimeoutMs: 10_000 },
      { connectTimeoutMs: 5_000, totalTimeoutMs: 30_000 },
      { connectTimeoutMs: 5_000, totalTimeoutMs: 30_000 },
    ]);
  });
});

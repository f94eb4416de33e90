import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nextAttempt, recoveredAfterMs, restartDelayMs } from '../../fleet/restart-delay.ts';

describe('the delay before a process is started again', () => {
  test('doubles from half a second to half a minute', () => {
    const delays = [2, 3, 4, 5, 6, 7, 8, 9, 20].map(restartDelayMs);
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('never shrinks and never passes half a minute', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), (attempt) => {
        expect(restartDelayMs(attempt + 1)).toBeGreaterThanOrEqual(restartDelayMs(attempt));
        expect(restartDelayMs(attempt)).toBeLessThanOrEqual(30_000);
      }),
    );
  });

  test('counts on while starts fail, and from the beginning after a minute of life', () => {
    expect(nextAttempt(1, 10)).toBe(2);
    expect(nextAttempt(5, recoveredAfterMs - 1)).toBe(6);
    expect(nextAttempt(5, recoveredAfterMs)).toBe(2);
  });
});

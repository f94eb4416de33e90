import { describe, expect, it } from '@jest/globals';
import { nextTryMs } from '../../../consumers/tasks/next-try.ts';

describe('The pause before the next try', () => {
  it('grows from two seconds to a quarter of an hour', () => {
    const pauses = [1, 2, 3, 20].map((attempt) => nextTryMs({ attempt, retries: 100, random: 1 }));
    expect(pauses).toEqual([2_000, 4_000, 8_000, 900_000]);
    expect(nextTryMs({ attempt: 1, retries: 2, random: 0 })).toBe(1_000);
  });

  it('lasts at least until the try can succeed', () => {
    expect(nextTryMs({ attempt: 1, retries: 2, notBeforeMs: 30_000, random: 0 })).toBe(30_000);
  });

  it('has no end after the last of all tries', () => {
    expect(nextTryMs({ attempt: 3, retries: 3, random: 0 })).toBeUndefined();
    expect(nextTryMs({ attempt: 1, retries: 1, random: 0 })).toBeUndefined();
  });
});

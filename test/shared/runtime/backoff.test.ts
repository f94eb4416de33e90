import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from '../../../shared/runtime/backoff.ts';

const random = fc.double({ min: 0, max: 1, noNaN: true });

it('doubles from the first delay up to the cap', () => {
  expect([1, 2, 3, 6, 7, 100].map((failures) => backoffMs(failures, 250, 10_000, 1))).toEqual([
    250, 500, 1_000, 8_000, 10_000, 10_000,
  ]);
});

it('is drawn from the upper half, never shrinks with more failures and never passes the cap', () => {
  fc.assert(
    fc.property(fc.nat({ max: 10_000 }), random, (failures, drawn) => {
      const delay = backoffMs(failures, 100, 30_000, drawn);
      expect(delay).toBeGreaterThanOrEqual(50);
      expect(delay).toBeLessThanOrEqual(30_000);
      expect(backoffMs(failures + 1, 100, 30_000, drawn)).toBeGreaterThanOrEqual(delay);
      expect(delay).toBeGreaterThanOrEqual(backoffMs(failures, 100, 30_000, 1) / 2 - 1);
    }),
  );
});

import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { limitConcurrency } from '../../../shared/runtime/limit-concurrency.ts';

it('never has more at once than the limit, uses it in full, and keeps the order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 }), async (limit, count) => {
      const limited = limitConcurrency(limit);
      const begun: number[] = [];
      let running = 0;
      let most = 0;
      await limited(() => Promise.resolve());
      const work = Array.from({ length: count }, (_, index) =>
        limited(async () => {
          begun.push(index);
          running += 1;
          most = Math.max(most, running);
          await new Promise(setImmediate);
          running -= 1;
          return index;
        }),
      );
      expect(await Promise.all(work)).toEqual(begun);
      expect(begun).toEqual(Array.from({ length: count }, (_, index) => index));
      expect(most).toBe(Math.min(limit, count));
    }),
    { numRuns: 30 },
  );
});

it('gives its place free when work fails', async () => {
  const limited = limitConcurrency(1);
  const results = await Promise.allSettled([
    limited(() => Promise.reject(new Error('no'))),
    limited(() => Promise.resolve(1)),
    limited(() => Promise.resolve(2)),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});

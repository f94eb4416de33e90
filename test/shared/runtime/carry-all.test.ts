import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { carryAll } from '../../../shared/runtime/carry-all.ts';

/** A flush that ends when it is told to. */
const gate = () => {
  const flushes: {
    readonly items: readonly number[];
    readonly end: () => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  const flush = (items: readonly number[]): Promise<readonly string[]> =>
    new Promise((resolve, reject) => {
      flushes.push({
        items,
        end: () => {
          resolve(items.map(String));
        },
        fail: reject,
      });
    });
  return { flush, flushes };
};
const turn = (): Promise<void> => new Promise(setImmediate);

describe('Carrying all that waits', () => {
  it('lets a lone caller wait for nobody', async () => {
    const { flush, flushes } = gate();
    const carry = carryAll(flush, 100);
    const result = carry([1, 2]);
    expect(flushes.map(({ items }) => items)).toEqual([[1, 2]]);
    flushes[0]?.end();
    expect(await result).toEqual(['1', '2']);
  });

  it('has one flush under way, which the next follows with everything that waited', async () => {
    const { flush, flushes } = gate();
    const carry = carryAll(flush, 100);
    const results = [carry([1]), carry([2]), carry([3, 4])];
    await turn();
    expect(flushes).toHaveLength(1);
    flushes[0]?.end();
    await turn();
    expect(flushes.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
    flushes[1]?.end();
    expect(await Promise.all(results)).toEqual([['1'], ['2'], ['3', '4']]);
  });

  it('tells every caller of a flush that it failed, and goes on', async () => {
    const { flush, flushes } = gate();
    const carry = carryAll(flush, 100);
    const first = carry([0]);
    const failing = Promise.allSettled([carry([1]), carry([2])]);
    flushes[0]?.end();
    await first;
    await turn();
    const later = carry([3]);
    flushes[1]?.fail(new Error('away'));
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await turn();
    flushes[2]?.end();
    expect(await later).toEqual(['3']);
  });

  it('carries no more than the limit at once, but a larger caller alone', async () => {
    const sizes: number[] = [];
    const carry = carryAll<number, number>((items) => {
      sizes.push(items.length);
      return Promise.resolve(items);
    }, 3);
    await Promise.all([carry([0]), carry([1, 2]), carry([3]), carry([4]), carry([5, 6, 7, 8, 9]), carry([10])]);
    expect(sizes).toEqual([1, 3, 1, 5, 1]);
  });

  it('answers each caller for its own items', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(), { minLength: 1 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 10 }),
        async (callers, limit) => {
          const carry = carryAll<number, number>((items) => Promise.resolve(items.map((item) => item * 2)), limit);
          const results = await Promise.all(callers.map((items) => carry(items)));
          expect(results).toEqual(callers.map((items) => items.map((item) => item * 2)));
        },
      ),
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkFence, type Fence, type Placed } from '../../../consumers/delivery-events/check-fence.ts';
import { FenceError } from '../../../shared/errors.ts';

const record = (offset: number): Placed => ({ offset: BigInt(offset), timestampMs: 1_000 + offset });
const records = (first: number, end: number): Placed[] =>
  Array.from({ length: end - first }, (_, index) => record(first + index));
const fenceAt = (next: number): Fence => ({ nextOffset: BigInt(next), lastTimestampMs: 999 + next });
const offsets = (placed: readonly Placed[]): number[] => placed.map(({ offset }) => Number(offset));
const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error instanceof FenceError ? error.code : error;
  }
  return undefined;
};

describe('The offset fence', () => {
  it('lets everything through where nothing was counted yet', () => {
    const { fresh, next, skipped } = checkFence(undefined, records(0, 3), 3n);
    expect(offsets(fresh)).toEqual([0, 1, 2]);
    expect(next).toEqual(fenceAt(3));
    expect(skipped).toBe(0n);
  });

  it('drops what was counted and keeps the rest, in order', () => {
    const { fresh, next, skipped } = checkFence(fenceAt(3), records(0, 6), 6n);
    expect(offsets(fresh)).toEqual([3, 4, 5]);
    expect(next).toEqual(fenceAt(6));
    expect(skipped).toBe(0n);
  });

  it('stays where it is when nothing is new', () => {
    expect(checkFence(fenceAt(3), records(0, 3), 3n)).toEqual({ fresh: [], next: fenceAt(3), skipped: 0n });
  });

  it('tells how many offsets are missing: gone by retention, or control records', () => {
    expect(checkFence(fenceAt(3), records(10, 12), 12n).skipped).toBe(7n);
    expect(checkFence(undefined, records(10, 12), 12n).skipped).toBe(0n);
  });

  it('refuses a topic that ends below what was counted: it was made anew', () => {
    expect(codeOf(() => checkFence(fenceAt(10), records(0, 3), 3n))).toBe('offset-regression');
    expect(codeOf(() => checkFence(fenceAt(10), records(9, 10), 10n))).toBeUndefined();
  });

  it('refuses a topic where another record stands at the last offset', () => {
    const other = { offset: 2n, timestampMs: 5 };
    expect(codeOf(() => checkFence(fenceAt(3), [...records(0, 2), other, record(3)], 4n))).toBe('other-record');
  });

  it('counts every record exactly once, however batches overlap', () => {
    const batches = fc.array(fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 10 })), { maxLength: 20 });
    fc.assert(
      fc.property(batches, (drawn) => {
        let fence: Fence | undefined;
        let end = 0;
        const counted: number[] = [];
        for (const [back, ahead] of drawn) {
          // Kafka may go back to any committed offset, but never leaves a gap.
          const first = Math.max(0, end - back);
          const batch = records(first, end + ahead);
          end += ahead;
          if (batch.length === 0) continue;
          const checked = checkFence(fence, batch, BigInt(end));
          counted.push(...offsets(checked.fresh));
          fence = checked.next;
        }
        expect(counted).toEqual(Array.from({ length: end }, (_, offset) => offset));
      }),
    );
  });
});

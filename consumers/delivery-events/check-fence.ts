import { FenceError } from '../../shared/errors.ts';

/** What Postgres knows of a partition: the next record to be counted, and the time of the last one that was. */
export interface Fence {
  readonly nextOffset: bigint;
  readonly lastTimestampMs: number;
}

export interface Placed {
  readonly offset: bigint;
  readonly timestampMs: number;
}

export interface Fenced<T> {
  /** The records that were not counted yet, in order. */
  readonly fresh: readonly T[];
  readonly next: Fence;
  /** Offsets between the fence and the first record: gone by retention, or taken by control records. */
  readonly skipped: bigint;
}

/**
 * Decides which records of a batch are to be counted, and where the fence stands afterwards. Throws `FenceError` when
 * the topic is not the one that was counted: it ends below the fence, or another record stands at the last offset.
 */
export const checkFence = <T extends Placed>(
  fence: Fence | undefined,
  records: readonly T[],
  highWatermark: bigint,
): Fenced<T> => {
  if (fence !== undefined) {
    if (fence.nextOffset > highWatermark) {
      throw new FenceError(
        'offset-regression',
        `The partition ends at ${highWatermark}, but ${fence.nextOffset} records of it were counted: was the topic made anew? Raise KAFKA_EPOCH to count it from its start.`,
      );
    }
    const last = records.find((record) => record.offset === fence.nextOffset - 1n);
    if (last !== undefined && last.timestampMs !== fence.lastTimestampMs) {
      throw new FenceError(
        'other-record',
        `Offset ${last.offset} holds another record than the one that was counted: was the topic made anew? Raise KAFKA_EPOCH to count it from its start.`,
      );
    }
  }
  const from = fence?.nextOffset ?? 0n;
  const fresh = records.filter((record) => record.offset >= from);
  const first = fresh[0];
  const end = fresh.at(-1);
  return {
    fresh,
    next:
      end === undefined
        ? (fence ?? { nextOffset: 0n, lastTimestampMs: 0 })
        : { nextOffset: end.offset + 1n, lastTimestampMs: end.timestampMs },
    skipped: first === undefined || fence === undefined ? 0n : first.offset - from,
  };
};

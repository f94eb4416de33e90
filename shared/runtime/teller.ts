import { FleetError } from '../errors.ts';
import { carryAll } from './carry-all.ts';
import type { OutgoingRecord } from './records.ts';

/** Some records that were written to the outbox together. */
export interface TellableRow {
  readonly id: string;
  readonly records: readonly OutgoingRecord[];
}

/** Publishes what a transaction wrote to the outbox, beside the work on the next one. */
export interface Teller {
  /** Takes rows of a transaction that has committed; answers at once. */
  readonly tell: (rows: readonly TellableRow[]) => void;
  /** Waits for what is under way. */
  readonly close: () => Promise<void>;
}

/** Where changes of states are told, and by whom once they are committed. */
export interface Telling {
  readonly topic: string;
  readonly tell: Teller['tell'];
}

/** How long the scheduler leaves our rows alone, in ms. */
export const ownMs = 10_000;

// Rows of about 500 records: what waits while Kafka is slow goes in few large sends, and in one statement from the outbox.
const rowsAtOnce = 16;

/**
 * One publication after the other, each with all that waited. What cannot be published now, or was not before the sweeper
 * may take it, is left to the scheduler, which sweeps the outbox. `now` is a clock in ms that only goes forward; `onFault`
 * hears of errors that are no outage.
 */
export const createTeller = (ports: {
  readonly publish: (records: readonly OutgoingRecord[]) => Promise<void>;
  readonly remove: (rows: readonly TellableRow[]) => Promise<void>;
  readonly now: () => number;
  readonly onFault: (error: unknown) => void;
}): Teller => {
  interface Waiting {
    readonly row: TellableRow;
    readonly leftAt: number;
  }
  const underWay = new Set<Promise<unknown>>();
  const publishAll = carryAll<Waiting, undefined>(async (waiting) => {
    const rows = waiting.filter(({ leftAt }) => leftAt > ports.now()).map(({ row }) => row);
    try {
      await ports.publish(rows.flatMap(({ records }) => records));
      await ports.remove(rows);
    } catch (error) {
      if (!(error instanceof FleetError)) ports.onFault(error);
    }
    return waiting.map(() => undefined);
  }, rowsAtOnce);
  return {
    tell: (rows) => {
      if (rows.length === 0) return;
      const leftAt = ports.now() + ownMs;
      const publication = publishAll(rows.map((row) => ({ row, leftAt })));
      underWay.add(publication);
      void publication.finally(() => underWay.delete(publication));
    },
    close: async () => {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
};

// Publishes what a counting transaction wrote to the outbox, beside the counting of the next batch.
import type { Database } from '../../shared/db/connect.ts';
import { removeOutbox, type OutboxRow } from '../../shared/db/outbox.ts';
import { FleetError } from '../../shared/errors.ts';
import type { Publisher } from '../../shared/runtime/publisher.ts';

export interface Teller {
  /** Takes rows of a transaction that has committed; answers at once. */
  readonly tell: (rows: readonly OutboxRow[]) => void;
  /** Waits for what is under way. */
  readonly close: () => Promise<void>;
}

/** How long the scheduler leaves our rows alone, in ms. */
export const ownMs = 10_000;

/** One publication after the other. What cannot be published now is left to the scheduler, which sweeps the outbox. */
export const createTeller = (
  db: Database,
  publisher: Pick<Publisher, 'publish'>,
  onFault: (error: unknown) => void,
): Teller => {
  let last = Promise.resolve();
  const publish = async (rows: readonly OutboxRow[]): Promise<void> => {
    try {
      await publisher.publish(rows.flatMap((row) => row.records));
      await removeOutbox(db, rows);
    } catch (error) {
      if (!(error instanceof FleetError)) onFault(error);
    }
  };
  return {
    tell: (rows) => {
      if (rows.length > 0) last = last.then(() => publish(rows));
    },
    close: () => last,
  };
};

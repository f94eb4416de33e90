import type { StateChange } from '../domain/outcome-records.ts';
import type { Database } from './connect.ts';
import { writeOutbox, type OutboxRow } from './outbox.ts';

/**
 * Writes what is told about changes of states, in the transaction that made them; answers the rows, which the caller
 * publishes once it has committed. The sweeper leaves them alone for `ownMs`: 0 where nobody else is to publish them.
 * Without a topic nobody is told.
 */
export const writeOutcomes = async (
  db: Database,
  topic: string | undefined,
  changes: readonly StateChange[],
  ownMs = 0,
): Promise<readonly OutboxRow[]> => (topic === undefined ? [] : writeOutbox(db, [], ownMs, { topic, changes }));

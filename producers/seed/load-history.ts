import { setImmediate as letOthersRun } from 'node:timers/promises';
import type { BulkConnection } from '../../shared/db/copy-rows.ts';
import { addToDomains } from '../../shared/db/domain-counters.ts';
import { usualThreshold } from '../../shared/domain/judge-domain.ts';
import { addStatistics } from '../../shared/db/statistics.ts';
import { createCounts } from './counts.ts';
import { decisionRows, historyRows, type TableRows } from './rows.ts';
import type { SeededHistory } from './seeded-requests.ts';

/** Rows written, by table. */
export type Written = Readonly<Record<string, number>>;

// Enough for full writes, few enough that generating the next ones does not keep Postgres waiting.
const messagesPerPiece = 5_000;
// Making this many takes about as long as Postgres takes for what one write has brought it.
const messagesPerTurn = 250;
const rowsPerStatement = 5_000;

/**
 * Writes a history, piece by piece, in the caller's transaction: Postgres takes in one piece while the next is made.
 * Holds one piece, the decisions and the counters in memory, whatever the number of messages.
 */
export const loadHistory = async (
  connection: BulkConnection,
  history: SeededHistory,
  onProgress: (messages: number) => void,
): Promise<Written> => {
  const written = new Map<string, number>();
  const note = (table: string, count: number): void => void written.set(table, (written.get(table) ?? 0) + count);
  const copy = async (tables: readonly TableRows[]): Promise<void> => {
    for (const { table, columns, rows } of tables) note(table, await connection.copyRows(table, columns, rows));
  };

  const counts = createCounts();
  let piece = historyRows();
  let pieceSize = 0;
  let done = 0;
  let sinceTurn = 0;
  let underWay = Promise.resolve();
  const send = async (): Promise<void> => {
    const { tables } = piece;
    const size = pieceSize;
    piece = historyRows();
    pieceSize = 0;
    await underWay;
    underWay = copy(tables).then(() => {
      done += size;
      onProgress(done);
    });
    // Awaited before the next piece; until then a fault of this one has no other listener.
    underWay.catch(() => undefined);
  };
  for (const request of history.requests()) {
    piece.add(request);
    counts.add(request);
    pieceSize += request.messages.length;
    sinceTurn += request.messages.length;
    if (sinceTurn >= messagesPerTurn) {
      // The piece under way goes out in the meantime; without it Postgres would wait for the whole next one.
      sinceTurn = 0;
      await letOthersRun();
    }
    if (pieceSize >= messagesPerPiece) await send();
  }
  await send();
  await underWay;

  await copy([decisionRows(history.decisions())]);
  const statistics = counts.statistics();
  for (let start = 0; start < statistics.length; start += rowsPerStatement) {
    await addStatistics(connection, statistics.slice(start, start + rowsPerStatement));
  }
  note('esp_statistics', statistics.length);
  const domains = counts.domains();
  // A process that counts judges them by the fleet's threshold when it starts, if none has yet.
  await addToDomains(connection, domains, { shard: -2, deliveredThreshold: usualThreshold });
  note('domain_counters', domains.length);
  return Object.fromEntries(written);
};

import { once } from 'node:events';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Database } from './connect.ts';

/** One value of a row; JSON is given as its text, times as ISO 8601 or Date. */
export type CopyValue = string | number | boolean | Date | null;
export type CopyRow = readonly CopyValue[];

// COPY's text format (Postgres manual, "COPY", File Formats): a backslash, and what would end a value or a row.
const special = /[\\\n\r\t]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const allSpecial = /[\\\n\r\t]/g;

const copyField = (value: CopyValue): string => {
  if (value === null) return '\\N';
  if (typeof value === 'string') {
    return special.test(value) ? value.replace(allSpecial, (found) => escapes[found] ?? found) : value;
  }
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return typeof value === 'number' ? String(value) : value.toISOString();
};

/** A row as a line of COPY's text format. */
export const copyLine = (row: CopyRow): string => {
  // Millions of rows go through here: a loop makes no array for each of them.
  let line = '';
  let separator = '';
  for (const value of row) {
    line += separator + copyField(value);
    separator = '\t';
  }
  return `${line}\n`;
};

const bytesPerWrite = 262_144;

/** A connection for work in bulk: no time-out ends it, since a load takes as long as its data is large. */
export interface BulkConnection extends Database {
  /** Adds rows by COPY; constant memory, however many there are. Answers how many. Throws what Postgres throws. */
  copyRows(
    table: string,
    columns: readonly string[],
    rows: Iterable<CopyRow> | AsyncIterable<CopyRow>,
  ): Promise<number>;
  end(): Promise<void>;
}

const copyInto = async (
  client: pg.Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<CopyRow> | AsyncIterable<CopyRow>,
): Promise<number> => {
  const names = columns.map((column) => client.escapeIdentifier(column)).join(', ');
  const stream = client.query(copyFrom(`copy ${client.escapeIdentifier(table)} (${names}) from stdin`));
  // `once` and a lost connection both report through it; a fault between two writes must not go unheard.
  const finished = once(stream, 'finish');
  finished.catch(() => undefined);
  let text = '';
  const write = async (): Promise<void> => {
    const isFull = !stream.write(text);
    text = '';
    if (isFull) await Promise.race([once(stream, 'drain'), finished]);
  };
  try {
    if (Symbol.iterator in rows) {
      for (const row of rows) {
        text += copyLine(row);
        if (text.length >= bytesPerWrite) await write();
      }
    } else {
      for await (const row of rows) {
        text += copyLine(row);
        if (text.length >= bytesPerWrite) await write();
      }
    }
  } catch (error) {
    // Postgres then forgets the rows of this COPY, and the connection can be used again.
    stream.destroy(error instanceof Error ? error : new Error('the rows could not be made'));
    await finished.catch(() => undefined);
    throw error;
  }
  stream.end(text);
  await finished;
  return stream.rowCount;
};

/** Opens a connection for work in bulk. Throws when Postgres cannot be reached. */
export const connectForBulk = async (databaseUrl: string): Promise<BulkConnection> => {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 5_000,
    application_name: 'mailfleet bulk',
  });
  // The statement under way reports the loss; without a listener it would end the process as well.
  client.on('error', () => undefined);
  await client.connect();
  return {
    query: <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
      client.query<Row>(text, [...values]),
    copyRows: (table, columns, rows) => copyInto(client, table, columns, rows),
    end: () => client.end(),
  };
};

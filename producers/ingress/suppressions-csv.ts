import type { Readable } from 'node:stream';
import type { Database } from '../../shared/db/connect.ts';
import {
  addSuppressions,
  listSuppressions,
  type NewSuppression,
  type SuppressionFilter,
} from '../../shared/db/suppressions.ts';
import { csvLine, csvReader, type CsvRow } from '../../shared/domain/csv.ts';
import { columnsOf, readSuppressionRow, type ImportColumns } from '../../shared/domain/read-suppression-row.ts';
import { scopeOf } from '../../shared/domain/suppression.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { HttpProblem } from './http/problem.ts';

const rowsPerStatement = 1_000;
const mostErrors = 1_000;
const rowsPerPage = 5_000;

export interface ImportResult {
  readonly received: number;
  readonly added: number;
  readonly rejected: number;
  readonly errors: { readonly line: number; readonly detail: string }[];
}

/**
 * Reads a CSV file as it comes and stores its good rows, a thousand a statement; what is wrong with the others is told by
 * their lines. Throws an `HttpProblem`: 413 past `mostBytes`, 422 where a row never ends; what stood before is stored.
 */
export const importSuppressions = async (
  db: Database,
  accountId: string,
  file: Readable,
  mostBytes: number,
): Promise<ImportResult> => {
  const reader = csvReader();
  const decoder = new TextDecoder();
  const errors: ImportResult['errors'] = [];
  let columns: ImportColumns | undefined;
  let waiting: NewSuppression[] = [];
  let received = 0;
  let added = 0;
  let rejected = 0;
  let bytes = 0;

  const store = async (): Promise<void> => {
    added += await addSuppressions(db, waiting);
    waiting = [];
  };
  const take = async (rows: readonly CsvRow[]): Promise<void> => {
    for (const { line, cells } of rows) {
      if (columns === undefined) {
        const heading = columnsOf(cells);
        columns = heading ?? { email: 0, list: undefined, reason: undefined };
        if (heading !== undefined) continue;
      }
      received += 1;
      const row = readSuppressionRow(cells, columns);
      if ('fault' in row) {
        rejected += 1;
        if (errors.length < mostErrors) errors.push({ line, detail: row.fault });
        continue;
      }
      const { email, list, reason } = row;
      waiting.push({ accountId, email, reason, list: list ?? '', scope: scopeOf(reason, list, undefined) });
      if (waiting.length >= rowsPerStatement) await store();
    }
  };
  try {
    for await (const chunk of file as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostBytes) {
        throw new HttpProblem(413, 'Too large', {
          detail: `A file may have ${mostBytes} bytes. What stands before that was taken; send the rest as files of its own.`,
        });
      }
      await take(reader.push(decoder.decode(chunk, { stream: true })));
    }
    await take([...reader.push(decoder.decode()), ...reader.end()]);
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    await store();
    throw new HttpProblem(422, 'The request cannot be processed', { errors: [{ pointer: '', detail: error.message }] });
  }
  await store();
  return { received, added, rejected, errors };
};

/** An account's suppressions as lines of CSV, a heading first; read page by page. Those of erased recipients are left out. */
export async function* exportSuppressions(
  db: Database,
  accountId: string,
  filter: SuppressionFilter & { readonly after?: number | undefined },
): AsyncGenerator<string> {
  yield csvLine(['email', 'list', 'reason', 'scope', 'esp', 'createdAt']);
  for (let after = filter.after; ;) {
    const rows = await listSuppressions(db, accountId, { ...filter, after, limit: rowsPerPage });
    const page = rows.slice(0, rowsPerPage);
    const lines = page.flatMap(({ email, list, reason, scope, esp, createdAt }) =>
      email === null ? [] : csvLine([email, list, reason, scope, esp ?? '', createdAt.toISOString()]),
    );
    if (lines.length > 0) yield lines.join('');
    after = page.at(-1)?.id;
    if (rows.length <= rowsPerPage) return;
  }
}

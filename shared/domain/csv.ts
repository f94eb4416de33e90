import { InvalidMessageError } from '../errors.ts';

/** One row, and the number of the line on which it begins, from 1. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

export interface CsvReader {
  /** Takes the next piece of text; answers the rows that it completes. Throws `InvalidMessageError` on an endless row. */
  push(text: string): CsvRow[];
  /** The last row, where no line break ends it. */
  end(): CsvRow[];
}

const longestRow = 10_000;

/** Reads CSV (RFC 4180) piece by piece: quoted cells, all three line ends, a byte order mark. Empty lines are no rows. */
export const csvReader = (): CsvReader => {
  let line = 1;
  let startLine = 1;
  let cells: string[] = [];
  let cell = '';
  let state: 'start' | 'plain' | 'quoted' | 'closed' = 'start';
  let afterReturn = false;
  let isFirst = true;
  let length = 0;

  const endCell = (): void => {
    cells.push(cell);
    cell = '';
    state = 'start';
  };
  const endRow = (rows: CsvRow[]): void => {
    endCell();
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: startLine, cells });
    cells = [];
    length = 0;
  };

  return {
    push: (text) => {
      const rows: CsvRow[] = [];
      for (const character of isFirst ? text.replace(/^\ufeff/, '') : text) {
        const isRestOfBreak = character === '\n' && afterReturn;
        afterReturn = character === '\r';
        length += 1;
        if (length > longestRow) {
          throw new InvalidMessageError('csv-row', `The row that begins on line ${startLine} is too long.`);
        }
        if (character === '\r' || (character === '\n' && !isRestOfBreak)) line += 1;
        if (state === 'quoted') {
          if (character === '"') state = 'closed';
          else cell += character;
        } else if (character === '"' && state === 'start') state = 'quoted';
        else if (character === '"' && state === 'closed') {
          cell += '"';
          state = 'quoted';
        } else if (character === ',') endCell();
        else if (isRestOfBreak) {
          length -= 1;
          startLine = line;
        } else if (character === '\r' || character === '\n') {
          endRow(rows);
          startLine = line;
        } else {
          cell += character;
          if (state === 'start') state = 'plain';
        }
      }
      if (text !== '') isFirst = false;
      return rows;
    },
    end: () => {
      const rows: CsvRow[] = [];
      endRow(rows);
      return rows;
    },
  };
};

// A spreadsheet takes these for the beginning of a formula (OWASP, "CSV Injection").
const startsFormula = /^[=+\-@\t\r]/;

/** One line of CSV with its line break. A cell that a spreadsheet would compute gets an apostrophe before it. */
export const csvLine = (cells: readonly string[]): string =>
  `${cells
    .map((cell) => (startsFormula.test(cell) ? `'${cell}` : cell))
    .map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(',')}\r\n`;

/** A cell as it was before `csvLine` guarded it. */
export const unguarded = (cell: string): string => (/^'[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell);

import { listName, suppressionReasons, type SuppressionReason } from '../contracts/suppressions-api.ts';
import { unguarded } from './csv.ts';
import { parseAddress } from './email-address.ts';

export interface ImportedSuppression {
  readonly email: string;
  readonly list: string | null;
  readonly reason: SuppressionReason;
}

/** Where the columns stand that an import knows; others are passed over. */
export interface ImportColumns {
  readonly email: number;
  readonly list: number | undefined;
  readonly reason: number | undefined;
}

const emailNames = ['email', 'e-mail', 'email address', 'recipient', 'address'];

/**
 * The columns by the file's first row, in any order and case; undefined when it is no heading. Without one, the first column
 * is the address, and the others are passed over.
 */
export const columnsOf = (cells: readonly string[]): ImportColumns | undefined => {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const email = names.findIndex((name) => emailNames.includes(name));
  const placeOf = (name: string): number | undefined => (names.includes(name) ? names.indexOf(name) : undefined);
  return email < 0 ? undefined : { email, list: placeOf('list'), reason: placeOf('reason') };
};

/** One row of an import, or in a sentence what is wrong with it. */
export const readSuppressionRow = (
  cells: readonly string[],
  columns: ImportColumns,
): ImportedSuppression | { readonly fault: string } => {
  const cellAt = (place: number | undefined): string =>
    place === undefined ? '' : unguarded((cells[place] ?? '').trim());
  const address = parseAddress(cellAt(columns.email));
  if (address === undefined || !address.email.isWellFormed() || address.email.includes('\u0000'))
    return { fault: 'has no valid email address' };
  const given = cellAt(columns.list);
  if (given !== '' && !listName.safeParse(given).success) return { fault: 'has a list whose name cannot be used' };
  const name = cellAt(columns.reason);
  const reason = name === '' ? 'import' : suppressionReasons.find((known) => known === name);
  if (reason === undefined) return { fault: `has a reason that is none of ${suppressionReasons.join(', ')}` };
  return { email: address.email, list: given === '' ? null : given, reason };
};

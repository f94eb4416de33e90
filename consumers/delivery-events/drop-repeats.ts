import { producerHeaders } from '../../shared/contracts/topics.ts';
import { replayOrigin } from '../../shared/domain/replay-origin.ts';

interface Numbered {
  readonly headers: Readonly<Record<string, string>>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const numberOf = ({ headers }: Numbered): { readonly producer: string; readonly sequence: number } | undefined => {
  const producer = headers[producerHeaders.producer] ?? '';
  const sequence = headers[producerHeaders.sequence] ?? '';
  // A dead letter that was sent back bears its old number; it is known by its origin instead.
  if (!uuid.test(producer) || !/^\d{1,15}$/.test(sequence) || replayOrigin(headers) !== undefined) return undefined;
  return { producer, sequence: Number(sequence) };
};

/** The producers that number the records of a batch. */
export const producersOf = (records: readonly Numbered[]): readonly string[] => [
  ...new Set(records.flatMap((record) => numberOf(record)?.producer ?? [])),
];

/**
 * Leaves out records that their producer sent again because an answer was lost: their number is not above the producer's
 * mark. Records without a number all stay. Answers the marks that have moved.
 */
export const dropRepeats = <T extends Numbered>(
  records: readonly T[],
  marks: ReadonlyMap<string, number>,
): { readonly kept: readonly T[]; readonly moved: ReadonlyMap<string, number> } => {
  const moved = new Map<string, number>();
  const kept = records.filter((record) => {
    const number = numberOf(record);
    if (number === undefined) return true;
    const mark = moved.get(number.producer) ?? marks.get(number.producer) ?? -1;
    if (number.sequence <= mark) return false;
    moved.set(number.producer, number.sequence);
    return true;
  });
  return { kept, moved };
};

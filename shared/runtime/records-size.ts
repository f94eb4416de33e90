import type { OutgoingRecord } from './records.ts';

// Kafka's own bytes around a record: lengths, offsets, time.
const frameBytes = 100;

/** About how many bytes a record has on its way; never fewer. */
export const bytesOfRecord = ({ key, value, headers = {} }: OutgoingRecord): number =>
  frameBytes +
  Buffer.byteLength(key) +
  (typeof value === 'string' ? Buffer.byteLength(value) : value.length) +
  Object.entries(headers).reduce((sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text) + 4, 0);

export interface Slice {
  readonly records: readonly OutgoingRecord[];
  readonly bytes: number;
}

/** Cuts records into slices of at most `maxBytes`, in order; a record that is larger alone is a slice of its own. */
export const cutBySize = (records: readonly OutgoingRecord[], maxBytes: number): readonly Slice[] => {
  const slices: { records: OutgoingRecord[]; bytes: number }[] = [];
  for (const record of records) {
    const bytes = bytesOfRecord(record);
    const last = slices.at(-1);
    if (last !== undefined && last.bytes + bytes <= maxBytes) {
      last.records.push(record);
      last.bytes += bytes;
    } else slices.push({ records: [record], bytes });
  }
  return slices;
};

import type { OutgoingRecord } from './records.ts';

/** What a handler decided about one record. Expected endings are values; a throw is a bug or a fault of the machinery. */
export type Outcome =
  | { readonly kind: 'done'; readonly records: readonly OutgoingRecord[] }
  /** The record can never succeed: it goes to the dead letters. `code` is one word, `reason` a sentence. */
  | {
      readonly kind: 'reject';
      readonly code: string;
      readonly reason: string;
      readonly records?: readonly OutgoingRecord[];
    }
  /** Nothing is to be done: a repeat, or not ours. */
  | { readonly kind: 'skip'; readonly reason: string };

// By far the most frequent outcome; one object serves all.
const handled: Outcome = { kind: 'done', records: [] };

/** Handled; `records` are published before the record's offset is committed. */
export const done = (...records: readonly OutgoingRecord[]): Outcome =>
  records.length === 0 ? handled : { kind: 'done', records };
export const reject = (code: string, reason: string): Outcome => ({ kind: 'reject', code, reason });
/** Nothing to do. @public: one of the three words of every handler. */
export const skip = (reason: string): Outcome => ({ kind: 'skip', reason });

import { z } from 'zod';

// Postgres refuses NUL, and a lone surrogate has no UTF-8 form: text that holds either could be accepted and never stored.
const storable = (text: string): boolean => !text.includes('\u0000') && text.isWellFormed();

/** Any text that Kafka and Postgres can both keep. `max` counts UTF-16 units. */
export const storableText = (max: number) =>
  z.string().max(max).refine(storable, { error: 'must be well-formed Unicode without NUL characters' });

/** Text that may stand in a mail header: one line, so that it cannot add a header of its own (RFC 5322 §2.2). */
export const headerText = (max: number) =>
  storableText(max).regex(/^[^\r\n]*$/, { error: 'must not contain line breaks' });

const isWithinReach = (text: string): boolean => {
  const year = new Date(text).getUTCFullYear();
  return year >= 1970 && year <= 9_999;
};

/** A moment that Postgres can keep and a day's partition can be named after: ISO 8601 allows the year 0, they do not. */
export const moment = z.iso
  .datetime({ offset: true })
  .refine(isWithinReach, { error: 'must be between the years 1970 and 9999' });

const maxDepth = 20;

/** Whether JSON holds only text that can be kept, no deeper than 20 levels. Level by level: recursion could be made to end. */
export const isStorableJson = (json: unknown): boolean => {
  let level: readonly unknown[] = [json];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth || !level.every((part) => typeof part !== 'string' || storable(part))) return false;
    level = level.flatMap((part): unknown[] =>
      typeof part === 'object' && part !== null ? Object.entries(part).flat() : [],
    );
  }
  return true;
};

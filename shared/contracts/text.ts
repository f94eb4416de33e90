import { z } from 'zod';

// Every rule here is told twice: as a check, and as JSON Schema for the OpenAPI document, so that a client knows before it
// asks. A pattern in `meta` replaces the one that zod would write; maxLength counts characters, as JSON Schema does.

// Postgres refuses NUL, and a lone surrogate has no UTF-8 form: text that holds either could be accepted and never stored.
const storable = (text: string): boolean => !text.includes('\u0000') && text.isWellFormed();

/** The half of that which JSON Schema can tell. */
export const storablePattern = '^[^\\u0000]*$';

const pairs = /[\ud800-\udbff][\udc00-\udfff]/g;
const hasAtMost = (text: string, characters: number): boolean =>
  text.length <= characters ||
  (text.length <= 2 * characters && text.length - (text.match(pairs)?.length ?? 0) <= characters);

/** Any text that Kafka and Postgres can both keep. `max` counts characters (code points). */
export const storableText = (max: number) =>
  z
    .string()
    .refine((text) => hasAtMost(text, max), { error: `must have at most ${max} characters` })
    .refine(storable, { error: 'must be well-formed Unicode without NUL characters' })
    .meta({ maxLength: max, pattern: storablePattern });

/** Text that may stand in a mail header: one line, so that it cannot add a header of its own (RFC 5322 §2.2). */
export const headerText = (max: number) =>
  storableText(max)
    .refine((text) => !/[\r\n]/.test(text), { error: 'must not contain line breaks' })
    .meta({ pattern: '^[^\\u0000\\r\\n]*$' });

// A tag that is opened must be closed: no Liquid text breaks this, whatever else may be wrong with one.
const closesItsTags = '(?![\\s\\S]*\\{[{%](?![\\s\\S]*[%}]\\}))';

/** What a Liquid template may be written in; whether it is one is judged in render/compile-content.ts. */
export const templateText = (max: number) => storableText(max).meta({ pattern: `^${closesItsTags}[^\\u0000]*$` });

/** The same on one line. */
export const templateLine = (max: number) => headerText(max).meta({ pattern: `^${closesItsTags}[^\\u0000\\r\\n]*$` });

const isWithinReach = (text: string): boolean => {
  const year = new Date(text).getUTCFullYear();
  return year >= 1970 && year <= 9_999;
};

/**
 * A moment that Postgres can keep and a day's partition can be named after: ISO 8601 allows the year 0, they do not. As text
 * it is not for Postgres yet, which refuses offsets that ISO 8601 has (+17:54): see `utc`.
 */
export const moment = z.iso
  .datetime({ offset: true })
  .refine(isWithinReach, { error: 'must be between the years 1970 and 9999' })
  .meta({ pattern: '^(?:19[7-9]\\d|[2-9]\\d{3})-' });

/** A moment in the one form that everything takes; undefined stays what it is. */
export const utc = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : new Date(text).toISOString();

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

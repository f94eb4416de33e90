import type { z } from 'zod';
import type { Topic } from '../contracts/topics.ts';

export type Decoded<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string; readonly reason: string };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const fault = (code: string, reason: string): Decoded<never> => ({ ok: false, code, reason });

// Of a union, what is wrong with its first branch says more than that no branch fits.
const mainBranch = (issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] =>
  issue.code === 'invalid_union' ? (issue.errors[0] ?? [issue]) : [issue];

const pointer = (path: readonly PropertyKey[]): string => path.map((step) => `/${String(step)}`).join('') || '/';

/** Bytes of a record → its value by the topic's schema; a reason that a person understands where it is none. Never throws. */
export const decode = <T>(topic: Topic<T>, bytes: Uint8Array | null): Decoded<T> => {
  if (topic.format === 'bytes') {
    // Nothing to parse: whoever handles the bytes says what is wrong with none.
    const parsed = topic.schema.safeParse(bytes ?? new Uint8Array());
    return parsed.success
      ? { ok: true, value: parsed.data }
      : fault('bad-shape', 'The value is not of the expected kind.');
  }
  if (bytes === null) return fault('no-value', 'The record has no value.');
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return fault('not-utf8', 'The value is not UTF-8 text.');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fault('not-json', 'The value is not JSON.');
  }
  const parsed = topic.schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issues = parsed.error.issues
    .flatMap(mainBranch)
    .slice(0, 3)
    .map((issue) => `${pointer(issue.path)}: ${issue.message}`);
  return fault('bad-shape', `The value does not fit the schema of ${topic.name}: ${issues.join('; ')}`);
};

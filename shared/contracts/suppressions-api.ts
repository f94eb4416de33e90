import { z } from 'zod';
import { addressText } from './address-text.ts';
import { isoTime } from './api-parts.ts';
import { headerText } from './text.ts';

// Who is not to be mailed, under /v1/suppressions.

export const suppressionReasons = [
  'hard-bounce',
  'soft-bounces',
  'complaint',
  'unsubscribe',
  'manual',
  'import',
] as const;
export type SuppressionReason = (typeof suppressionReasons)[number];

/** What a suppression keeps from being sent, from the least to the most; domain/suppression.ts says which mail that is. */
export const suppressionScopes = ['list', 'promotional', 'all-but-codes', 'all'] as const;
export type SuppressionScope = (typeof suppressionScopes)[number];

/** A list that people unsubscribe from; its name is the sender's own, and stands with the address in a header of 998 characters. */
export const listName = headerText(64).min(1);

const givenReason = z.enum(suppressionReasons);
const entry = z.strictObject({
  email: addressText,
  list: listName
    .optional()
    .meta({ description: 'Only mail that names this list is kept back; without one, what the reason says.' }),
  reason: givenReason.optional().meta({ description: '`manual` where it is left out.' }),
});

export const maxSuppressions = 10_000;
/** One suppression, or many. */
export const newSuppressions = z
  .union([entry, z.strictObject({ suppressions: z.array(entry).min(1).max(maxSuppressions) })])
  .meta({ id: 'NewSuppressions', example: { email: 'ann@example.org', list: 'news', reason: 'unsubscribe' } });

const suppression = z
  .object({
    id: z.int(),
    email: z.string().nullable().meta({ description: 'Null once the recipient was erased; it is still not mailed.' }),
    list: z.string().nullable(),
    reason: z.string(),
    scope: z.enum(suppressionScopes),
    esp: z.string().nullable(),
    messageId: z.string().nullable(),
    createdAt: isoTime,
  })
  .meta({ id: 'Suppression' });
export type SuppressionAnswer = z.infer<typeof suppression>;

export const suppressionListAnswer = z
  .object({ data: z.array(suppression), hasMore: z.boolean() })
  .meta({ id: 'SuppressionList' });

export const suppressionsAddedAnswer = z
  .object({
    received: z.int().meta({ description: 'Entries, or lines of a CSV file with one.' }),
    added: z.int().meta({ description: 'Those that were not there yet.' }),
    rejected: z.int(),
    errors: z
      .array(z.object({ line: z.int(), detail: z.string() }))
      .meta({ description: 'The lines of a CSV file that were not taken, the first 1,000.' }),
  })
  .meta({ id: 'SuppressionsAdded' });

export const suppressionsRemovedAnswer = z.object({ removed: z.int() }).meta({ id: 'SuppressionsRemoved' });

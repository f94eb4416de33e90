import { z } from 'zod';
import { isoTime } from './api-parts.ts';
import { moment, storableText } from './text.ts';

// What /v1/dead-letters takes and answers.

const letterState = z.enum(['waiting', 'replayed', 'discarded']);
const name = storableText(300).min(1);

/** Which letters are meant; what is left out does not matter. */
export const letterFilter = {
  topic: name.optional(),
  code: name.optional(),
  consumer: name.optional(),
  since: moment.optional(),
  until: moment.optional(),
};

export const letterQuery = z.strictObject({
  ...letterFilter,
  state: letterState.default('waiting'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  after: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
});

export const letterEdit = z
  .strictObject({
    /** The record's new value: text as it stands, anything else as JSON. */
    payload: z.unknown().optional(),
    /** The same as bytes. */
    payloadBase64: z.base64().optional(),
  })
  .refine((edit) => edit.payload === undefined || edit.payloadBase64 === undefined, {
    error: 'takes payload or payloadBase64, not both',
    path: ['payloadBase64'],
  })
  .meta({
    example: { payload: { domain: 'example.org', type: 'delivered' } },
    not: { required: ['payload', 'payloadBase64'] },
  })
  .default({});

export const retryFilter = z
  .strictObject({
    ...letterFilter,
    ids: z.array(z.int().min(1)).min(1).max(10_000).optional(),
    dryRun: z.boolean().default(false),
  })
  .meta({ example: { code: 'not-json', dryRun: true } })
  .prefault({});

const letterSummary = z.object({
  id: z.int(),
  state: letterState,
  topic: z.string(),
  partition: z.int(),
  offset: z.string(),
  cluster: z.string(),
  consumer: z.string(),
  code: z.string(),
  reason: z.string(),
  attempts: z.int(),
  replays: z.int(),
  key: z.string().nullable(),
  bytes: z.int(),
  firstFailedAt: isoTime,
  storedAt: isoTime,
  replayedAt: isoTime.nullable(),
});
export type LetterSummary = z.infer<typeof letterSummary>;

export const letterListAnswer = z
  .object({
    groups: z.array(
      z.object({
        topic: z.string(),
        code: z.string(),
        count: z.int(),
        oldest: isoTime,
        newest: isoTime,
        example: z.string(),
      }),
    ),
    data: z.array(letterSummary),
    hasMore: z.boolean(),
  })
  .meta({ id: 'DeadLetterList' });

export const letterAnswer = z
  .object({
    ...letterSummary.shape,
    headers: z.record(z.string(), z.string()),
    encoding: z.enum(['utf8', 'base64']),
    payload: z.string(),
  })
  .meta({ id: 'DeadLetter' });

export const retryOneAnswer = z
  .object({
    id: z.int(),
    topic: z.string(),
    retried: z.boolean(),
    /** Whether Kafka has it already; otherwise it gets it as soon as it is back. */
    published: z.boolean(),
    reason: z.string().optional(),
  })
  .meta({ id: 'DeadLetterRetry' });

export const retryManyAnswer = z
  .object({
    dryRun: z.boolean(),
    matched: z.int().meta({ description: 'Letters that match and wait.' }),
    retried: z.int(),
    published: z.boolean(),
    /** Letters of topics that this fleet does not read: nobody would ever take them. */
    unreadable: z.int(),
    remaining: z.int().meta({ description: 'Letters that match and still wait: ask again for them.' }),
  })
  .meta({ id: 'DeadLetterRetries' });

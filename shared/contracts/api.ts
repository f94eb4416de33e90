import { z } from 'zod';

// The answers of /v1: what clients may rely on.

const weights = z.record(z.string(), z.number());

export const acceptedAnswer = z
  .object({ id: z.string(), accepted: z.int(), messages: z.array(z.object({ id: z.string(), email: z.string() })) })
  .meta({ id: 'AcceptedRequest' });

export const requestAnswer = z
  .object({
    id: z.string(),
    status: z.enum(['queued', 'processing', 'done']),
    total: z.int(),
    counts: z.record(z.string(), z.int()).meta({ description: 'Messages by state; adds up to total.' }),
    split: weights.meta({ description: 'The plan over all recipients.' }),
    carried: weights.meta({ description: 'Messages by the ESP of their latest attempt.' }),
    weights: weights.meta({ description: 'Of 1000, per ESP.' }),
    window: z.enum(['30d', 'since-last-batch']).optional(),
    createdAt: z.string().optional(),
  })
  .meta({ id: 'RequestStatus' });

const isoTime = z.string();

const messageSummary = z.object({
  id: z.string(),
  requestId: z.string(),
  email: z.string(),
  status: z.string(),
  esp: z.string().nullable(),
  attempts: z.int(),
  duplicateSuspected: z.boolean(),
  opens: z.int(),
  clicks: z.int(),
  reason: z.string().nullable(),
  createdAt: isoTime,
  updatedAt: isoTime,
});
export type MessageSummary = z.infer<typeof messageSummary>;

export const messageListAnswer = z
  .object({ data: z.array(messageSummary), hasMore: z.boolean() })
  .meta({ id: 'MessageList' });

export const messageAnswer = z
  .object({
    ...messageSummary.shape,
    attempts: z.array(
      z.object({
        number: z.int(),
        esp: z.string(),
        state: z.string(),
        startedAt: isoTime.nullable(),
        finishedAt: isoTime.nullable(),
        providerMessageId: z.string().nullable(),
        error: z.string().nullable(),
      }),
    ),
    events: z.array(
      z.object({ type: z.string(), at: isoTime, esp: z.string(), machine: z.boolean(), reason: z.string().nullable() }),
    ),
    decision: z.object({ weights, policy: z.string(), reason: z.string() }).nullable(),
  })
  .meta({ id: 'Message' });

export const weightsAnswer = z
  .object({
    window: z.enum(['30d', 'since-last-batch']),
    total: z.int(),
    policy: z.string(),
    reason: z.string(),
    decidedAt: isoTime,
    esps: z.array(
      z.object({
        esp: z.string(),
        weight: z.int(),
        score: z.number(),
        health: z.string(),
        sent: z.int(),
        delivered: z.int(),
        opened: z.int(),
        clicked: z.int(),
        bounced: z.int(),
        complained: z.int(),
      }),
    ),
  })
  .meta({ id: 'Weights' });

export const espsAnswer = z
  .object({
    data: z.array(
      z.object({
        esp: z.string(),
        kind: z.string(),
        state: z.enum(['active']),
        health: z.enum(['healthy', 'unhealthy']),
        goodRounds: z.int(),
        badRounds: z.int(),
        weight: z.int(),
        limits: z.object({ deliveriesPerCall: z.int(), bytesPerCall: z.int(), concurrentCalls: z.int() }),
        lastError: z.string().nullable(),
        updatedAt: isoTime.nullable(),
      }),
    ),
  })
  .meta({ id: 'EspList' });

export const domainAnswer = z
  .object({
    domain: z.string(),
    status: z.enum(['catch-all', 'not-catch-all', 'unknown']),
    delivered: z.int(),
    bounced: z.int(),
    threshold: z.int(),
    firstBounceAt: isoTime.nullable(),
    updatedAt: isoTime.nullable(),
  })
  .meta({ id: 'Domain' });

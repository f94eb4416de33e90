import { z } from 'zod';
import { isoTime, weights, weightWindow } from './api-parts.ts';

// The answers of /v1 about mail and domains: what clients may rely on. Those about routing are in routing-api.ts.

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
    window: weightWindow.optional(),
    decisionId: z.int().optional(),
    createdAt: z.string().optional(),
    paused: z.boolean().optional().meta({ description: 'Whether what is not on its way waits until it is resumed.' }),
    batches: z
      .array(
        z.object({
          number: z.int(),
          at: isoTime,
          window: weightWindow,
          weights: weights.meta({ description: 'Of 1000, per ESP.' }),
          split: weights,
        }),
      )
      .optional()
      .meta({
        description:
          'Of a paced request: the batches that were started. weights and window are the last one’s, split is their sum.',
      }),
    template: z.object({ id: z.string(), version: z.int() }).optional(),
  })
  .meta({ id: 'RequestStatus' });

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
    decision: z
      .object({
        id: z.int(),
        window: weightWindow,
        decidedAt: isoTime,
        policy: z.string(),
        reason: z.string(),
        weights: weights.meta({ description: 'Of 1000: averaged over all recipients of its request.' }),
        mailboxProvider: z.string(),
        providerWeights: weights.meta({ description: 'Of 1000: those that mail to its mailbox provider followed.' }),
      })
      .nullable(),
  })
  .meta({ id: 'Message' });

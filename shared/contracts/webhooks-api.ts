import { z } from 'zod';
import { isoTime } from './api-parts.ts';
import { toldStates } from './outcome.ts';
import { headerText, moment } from './text.ts';

// Where accounts want to hear what became of their mail, under /v1/webhooks.

export const webhookEvents = toldStates;
const events = z
  .array(z.enum(webhookEvents))
  .min(1)
  .max(webhookEvents.length)
  .meta({ description: 'States that are told; all where it is left out.' });
// Its rules beyond the size are those of `domain/webhook-url.ts`.
const url = z.string().min(1).max(2_048);
const description = headerText(200);
const isBatched = z.boolean().meta({
  description: 'Up to 100 events in one call, as `{ "type": "outcomes", "timestamp", "data": [ … ] }`, instead of one.',
});

export const newWebhook = z
  .strictObject({
    url,
    description: description.optional(),
    events: events.optional(),
    batched: isBatched.optional(),
  })
  .meta({
    id: 'NewWebhook',
    example: { url: 'https://hooks.acme.example/mail', events: ['delivered', 'bounced', 'complained'] },
  });
export const webhookChange = z
  .strictObject({
    url: url.optional(),
    description: description.optional(),
    events: events.optional(),
    batched: isBatched.optional(),
    enabled: z.boolean().optional(),
  })
  .meta({ id: 'WebhookChange', example: { enabled: true } });

const shown = {
  id: z.string(),
  url: z.string(),
  description: z.string(),
  events: z.array(z.string()),
  batched: z.boolean(),
  enabled: z.boolean(),
  disabledAt: isoTime.nullable(),
  disabledReason: z.string().nullable(),
  failingSince: isoTime
    .nullable()
    .meta({ description: 'Since when no call has succeeded, where the last one failed.' }),
  oldSecretUntil: isoTime
    .nullable()
    .meta({ description: 'Until then calls bear the signature of the old secret too.' }),
  createdAt: isoTime,
  updatedAt: isoTime,
};
export const webhookAnswer = z.object(shown).meta({ id: 'Webhook' });
export type WebhookAnswer = z.infer<typeof webhookAnswer>;
export const webhookWithSecret = z
  .object({ ...shown, secret: z.string().meta({ description: 'Shown this once.' }) })
  .meta({ id: 'WebhookWithSecret' });
export const webhookListAnswer = z.object({ data: z.array(webhookAnswer) }).meta({ id: 'WebhookList' });

export const callStates = ['due', 'delivered', 'failed'] as const;
export type CallState = (typeof callStates)[number];
const tryOfCall = z.object({
  at: isoTime,
  status: z.int().nullable().meta({ description: 'Null where there was no answer.' }),
  ms: z.int(),
  error: z.string().nullable(),
  answer: z.string().nullable().meta({ description: 'The first kilobyte.' }),
});
export type TryOfCall = z.infer<typeof tryOfCall>;
const call = z
  .object({
    id: z.string(),
    webhookId: z.string().meta({ description: 'The header `webhook-id`: the same at every try.' }),
    type: z.string(),
    messageIds: z.array(z.string()),
    state: z.enum(callStates),
    attempts: z.array(tryOfCall),
    nextAt: isoTime.nullable(),
    createdAt: isoTime,
  })
  .meta({ id: 'WebhookCall' });
export type CallAnswer = z.infer<typeof call>;
export const callListAnswer = z.object({ data: z.array(call), hasMore: z.boolean() }).meta({ id: 'WebhookCallList' });
export const callMadeAnswer = z.object({ callId: z.string() }).meta({ id: 'WebhookCallMade' });
export const replayQuestion = z
  .strictObject({ since: moment })
  .meta({ id: 'WebhookReplay', example: { since: '2026-11-25T09:00:00Z' } });
export const replayAnswer = z.object({ replayed: z.int() }).meta({ id: 'WebhookReplayed' });

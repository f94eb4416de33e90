import { z } from 'zod';
import { moment, storableText } from './text.ts';

/** What can be told about a message after it was handed to an ESP (`contract` §5). */
export const deliveryTypes = [
  'delivered',
  'bounced',
  'deferred',
  'opened',
  'clicked',
  'complained',
  'unsubscribed',
  'failed',
] as const;
export type DeliveryType = (typeof deliveryTypes)[number];

/** Where the ESP's own words are kept: a record of `webhook-<esp>`, and the place inside its body. */
const rawPointer = z.object({
  topic: storableText(300),
  partition: z.int(),
  offset: storableText(30),
  index: z.int(),
});

export const deliveryEvent = z.object({
  domain: z.string().min(1).max(253),
  type: z.enum(deliveryTypes),
  /** The same on every repeat of one happening. Without it the event is only counted, once per record. */
  id: storableText(300).min(1).optional(),
  at: moment.optional(),
  messageId: storableText(200).optional(),
  attemptId: storableText(200).optional(),
  providerMessageId: storableText(300).optional(),
  recipient: storableText(998).optional(),
  esp: storableText(64).optional(),
  count: z.int().min(1).max(1_000_000_000).optional(),
  /** `hard`: the address itself is to blame. Absent counts as hard, since the seed's events had no classes. */
  bounceClass: z.enum(['hard', 'soft']).optional(),
  /** True when a machine (a privacy proxy, a scanner) opened or clicked: kept, but evidence of nothing. */
  machine: z.boolean().optional(),
  reason: storableText(2_000).optional(),
  /** Whose list the recipient left, where one of our own links says so: it outlives its message. */
  unsubscribe: z.object({ accountId: storableText(128), list: storableText(128) }).optional(),
  raw: rawPointer.optional(),
});
export type DeliveryEvent = z.infer<typeof deliveryEvent>;

/** A record of the delivery topic: one event, or many that belong to one key. */
export const deliveryRecord = z.union([deliveryEvent, z.object({ events: z.array(deliveryEvent).min(1).max(10_000) })]);
export type DeliveryRecord = z.infer<typeof deliveryRecord>;

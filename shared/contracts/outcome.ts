import { z } from 'zod';

/** The states that are told (`contract` §8): all but those in which a message has not met an ESP yet. From the least to the most known. */
export const toldStates = [
  'unknown',
  'sent',
  'deferred',
  'failed',
  'suppressed',
  'cancelled',
  'delivered',
  'bounced',
  'complained',
] as const;
export type ToldState = (typeof toldStates)[number];

/** A record of the outcome topic: one change of one message's state (`contract` §5). Its key is the message's id. */
export const outcomeRecord = z.object({
  /** The same on every repeat of one change. */
  id: z.string(),
  messageId: z.string(),
  requestId: z.string(),
  email: z.string(),
  status: z.enum(toldStates),
  esp: z.string(),
  at: z.iso.datetime(),
  reason: z.string().nullable(),
  accountId: z.string().optional(),
  attempt: z.int().optional(),
  /** Of two records of a message the one with the higher rank is the newer: states only ever rise. */
  rank: z.int().optional(),
});
export type OutcomeRecord = z.infer<typeof outcomeRecord>;

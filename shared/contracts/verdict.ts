import { z } from 'zod';

/** Whether a domain takes mail for any address (`contract` §4). */
export const verdicts = ['catch-all', 'not-catch-all', 'unknown'] as const;
export type DomainVerdict = (typeof verdicts)[number];

/** A record of the verdict topic: one change of one domain's verdict (`contract` §8). Its key is the domain. */
export const verdictRecord = z.object({
  /** The same on every repeat of one change. */
  id: z.string(),
  domain: z.string(),
  from: z.enum(verdicts),
  to: z.enum(verdicts),
  at: z.iso.datetime(),
  /** The domain's first change is 1: of two records of a domain the one with the higher number is the newer. */
  change: z.int().optional(),
});
export type VerdictRecord = z.infer<typeof verdictRecord>;

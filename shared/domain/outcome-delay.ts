/** How long outcomes took that fell into one bucket: their number (faded), and the quickest and slowest of them, in ms. */
export interface DelayBucket {
  readonly bucket: number;
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
}
/** How an ESP tells outcomes: when the earliest message was sent that it told one of (ms), and how long they take. */
export interface EspDelays {
  readonly sinceMs: number;
  readonly buckets: readonly DelayBucket[];
}
/** By ESP. One that never told an outcome is not in it. */
export type OutcomeDelays = Readonly<Record<string, EspDelays>>;

const shortestMs = 250;
const bucketsPerDoubling = 2;
/** About 12 days: later outcomes share the last bucket. */
const lastBucket = 44;

/** The bucket of a delay in ms: half powers of two, so that 45 rows hold delays from a quarter second to days. */
export const delayBucket = (delayMs: number): number =>
  Math.min(lastBucket, Math.max(0, Math.floor(bucketsPerDoubling * Math.log2(Math.max(1, delayMs) / shortestMs))));

// An outcome that took a second and one that took three days are both outcomes; a handful of them is no distribution.
const enoughOutcomes = 20;
// Mail is settled when nearly all outcomes have come that will. Where the last few take much longer than most (mail that a
// provider defers for hours), they are not waited for: they correct the count when they come.
const nearlyAll = 0.98;
const most = 0.9;
const longestWaitForRestMs = 15 * 60_000;

const ageWhenKnown = (buckets: readonly DelayBucket[], share: number): number => {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  let known = 0;
  let age = 0;
  for (const { count, maxMs } of [...buckets].sort((a, b) => a.maxMs - b.maxMs)) {
    known += count;
    age = maxMs;
    if (known >= share * total) break;
  }
  return age;
};

/**
 * The age in ms at which a message that an ESP took is settled: as old as outcomes come, going by those seen so far. From
 * then on its silence means that it is lost; before, it is under way and says nothing. Undefined for an ESP of which
 * nothing was ever heard: its silence may be SMTP, or webhooks that nobody set up.
 */
export const settledAfterMs = (delays: OutcomeDelays, esp: string): number | undefined => {
  const own = delays[esp]?.buckets;
  if (own === undefined) return undefined;
  const isEnough = own.reduce((sum, { count }) => sum + count, 0) >= enoughOutcomes;
  const buckets = isEnough ? own : Object.values(delays).flatMap((all) => all.buckets);
  return Math.min(ageWhenKnown(buckets, nearlyAll), ageWhenKnown(buckets, most) + longestWaitForRestMs);
};

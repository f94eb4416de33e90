import { noEvidence, type EspEvidence, type Evidence } from '../../shared/domain/evidence.ts';
import { delayBucket, settledAfterMs, type EspDelays } from '../../shared/domain/outcome-delay.ts';

/** What one ESP took of one mailbox provider in one batch, and what becomes of it. */
export interface Cohort {
  readonly esp: string;
  readonly provider: string;
  readonly atMs: number;
  sent: number;
  delivered: number;
  bounced: number;
  opened: number;
  complained: number;
}

/** What is known of all mail so far, as the product's running totals tell it. */
export interface Ledger {
  add(cohorts: readonly Cohort[]): void;
  /** The totals at a time, which may not go back. */
  totalsAt(nowMs: number): Evidence;
}

type Counts = { -readonly [Field in keyof EspEvidence]: EspEvidence[Field] };

/**
 * A ledger in which outcomes become visible `delayMs` after the send. Like the product it learns that delay from the
 * outcomes themselves, and counts a cohort, silence and all, from the time on that it is settled.
 */
export const createLedger = (delayMs: number): Ledger => {
  const totals: Record<string, Record<string, Counts>> = {};
  const delays: Record<string, EspDelays> = {};
  let untold: Cohort[] = [];
  let unsettled: Cohort[] = [];

  const learnDelay = ({ esp, atMs, delivered, bounced }: Cohort): void => {
    const outcomes = delivered + bounced;
    if (outcomes === 0) return;
    const known = delays[esp];
    const count = outcomes + (known?.buckets[0]?.count ?? 0);
    const bucket = { bucket: delayBucket(delayMs), count, minMs: delayMs, maxMs: delayMs };
    delays[esp] = { sinceMs: known?.sinceMs ?? atMs, buckets: [bucket] };
  };
  const isSettled = ({ esp, atMs }: Cohort, nowMs: number): boolean =>
    // Outcomes are told in the order of sending, so a settled cohort has been told.
    atMs >= (delays[esp]?.sinceMs ?? Infinity) && nowMs - atMs >= (settledAfterMs(delays, esp) ?? Infinity);
  return {
    add: (cohorts) => {
      for (const { esp, provider, sent } of cohorts) {
        ((totals[esp] ??= {})[provider] ??= { ...noEvidence }).sent += sent;
      }
      untold.push(...cohorts);
      unsettled.push(...cohorts);
    },
    totalsAt: (nowMs) => {
      for (const cohort of untold) if (nowMs - cohort.atMs >= delayMs) learnDelay(cohort);
      untold = untold.filter((cohort) => nowMs - cohort.atMs < delayMs);
      for (const cohort of unsettled) {
        const cell = totals[cohort.esp]?.[cohort.provider];
        if (cell === undefined || !isSettled(cohort, nowMs)) continue;
        for (const field of ['delivered', 'bounced', 'opened', 'complained'] as const) cell[field] += cohort[field];
        cell.settled += cohort.sent;
      }
      unsettled = unsettled.filter((cohort) => !isSettled(cohort, nowMs));
      return structuredClone(totals);
    },
  };
};

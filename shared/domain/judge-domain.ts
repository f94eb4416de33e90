import type { DomainVerdict } from '../contracts/verdict.ts';

/** Deliveries, where nobody says otherwise. */
export const usualThreshold = 1_000;

/**
 * Whether a domain takes mail for every address: one bounce proves that it does not; strictly more deliveries than the
 * threshold without any bounce say that it does; otherwise nobody knows. Postgres judges by the same rule where it counts
 * (`shared/db/judged.ts`); a test holds the two together.
 */
export const judgeDomain = (
  counted: { readonly delivered: number; readonly bounced: number },
  deliveredThreshold: number,
): DomainVerdict => {
  if (counted.bounced > 0) return 'not-catch-all';
  return counted.delivered > deliveredThreshold ? 'catch-all' : 'unknown';
};

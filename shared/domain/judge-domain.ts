export type DomainVerdict = 'catch-all' | 'not-catch-all' | 'unknown';

/**
 * Whether a domain takes mail for every address: one bounce proves that it does not; strictly more deliveries than the
 * threshold without any bounce say that it does; otherwise nobody knows.
 */
export const judgeDomain = (
  counted: { readonly delivered: number; readonly bounced: number },
  deliveredThreshold: number,
): DomainVerdict => {
  if (counted.bounced > 0) return 'not-catch-all';
  return counted.delivered > deliveredThreshold ? 'catch-all' : 'unknown';
};

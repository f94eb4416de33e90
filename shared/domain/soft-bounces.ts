/** What became of one message to an address. */
export interface SoftBounceOutcome {
  readonly messageId: string;
  readonly type: 'soft-bounced' | 'delivered';
  readonly atMs: number;
}

/**
 * The rule of soft bounces: five messages in a row bounced, none delivered between, the first and the last at least three days
 * apart, all within 30 days. A full mailbox or a greylisting host passes within days; one that is full for longer is
 * mostly abandoned. One bad afternoon, however many messages it holds, suppresses nobody.
 */
export const softBounceRule = { inARow: 5, overHours: 72, withinDays: 30 } as const;

const hourMs = 3_600_000;

/** Whether an address with these outcomes (in any order; several of one message count once) is suppressed at `nowMs`. */
export const isSoftBounced = (outcomes: readonly SoftBounceOutcome[], nowMs: number): boolean => {
  const since = nowMs - softBounceRule.withinDays * 24 * hourMs;
  const lastDelivery = Math.max(since, ...outcomes.filter(({ type }) => type === 'delivered').map(({ atMs }) => atMs));
  const row = outcomes.filter(({ type, atMs }) => type === 'soft-bounced' && atMs > lastDelivery);
  if (new Set(row.map(({ messageId }) => messageId)).size < softBounceRule.inARow) return false;
  const times = row.map(({ atMs }) => atMs);
  return Math.max(...times) - Math.min(...times) >= softBounceRule.overHours * hourMs;
};

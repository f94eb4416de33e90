const firstDelayMs = 2_000;
const maxDelayMs = 15 * 60_000;

/**
 * How long after a failed try the next is made, in ms; undefined when that was the last: `retries` counts tries in all, as the
 * seed does. Doubles from 2 s to 15 min; `random` (0–1) spreads the upper half; what is known of when it can succeed is a floor.
 */
export const nextTryMs = (tried: {
  readonly attempt: number;
  readonly retries: number;
  readonly notBeforeMs?: number | undefined;
  readonly random: number;
}): number | undefined => {
  if (tried.attempt >= tried.retries) return undefined;
  const full = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(tried.attempt - 1, 20));
  return Math.round(Math.max(full / 2 + (full / 2) * tried.random, tried.notBeforeMs ?? 0));
};

/** A process that lived this long has recovered: its next fault counts as the first again. */
export const recoveredAfterMs = 60_000;

const firstDelayMs = 500;
const longestDelayMs = 30_000;

/** How long to wait before start number `attempt` (2 is the first restart): doubling from 0.5 s up to 30 s. */
export const restartDelayMs = (attempt: number): number =>
  Math.min(longestDelayMs, firstDelayMs * 2 ** Math.max(0, attempt - 2));

/** The number of the next start, after one that lived for `aliveMs`. */
export const nextAttempt = (attempt: number, aliveMs: number): number =>
  aliveMs >= recoveredAfterMs ? 2 : attempt + 1;

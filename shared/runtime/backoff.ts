/**
 * How long to wait after the nth failure in a row (from 1), in ms: doubling from `firstMs` up to `capMs`, of which the
 * upper half is drawn by `random` (0–1) so that processes that failed together do not come back together.
 */
export const backoffMs = (failures: number, firstMs: number, capMs: number, random: number): number => {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(Math.max(failures, 1) - 1, 40));
  return Math.round(full / 2 + (full / 2) * random);
};

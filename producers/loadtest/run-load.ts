import { createLatencyHistogram, type LatencyHistogram } from '../../shared/domain/latency-histogram.ts';

export interface LoadResult {
  readonly done: number;
  readonly failed: number;
  readonly seconds: number;
  readonly times: LatencyHistogram;
  /** What failed most recently, as a sentence. */
  readonly lastFault: string | undefined;
}

/**
 * Sends numbers 0 to `count` - 1 from `concurrency` clients, each one after the other, and measures every one. `send` rejects
 * where it failed; that counts, and the load goes on. `nowMs` is a clock that never goes back.
 */
export const runLoad = async (
  { count, concurrency }: { readonly count: number; readonly concurrency: number },
  send: (index: number) => Promise<void>,
  nowMs: () => number,
  progress: { done: number; failed: number } = { done: 0, failed: 0 },
): Promise<LoadResult> => {
  const times = createLatencyHistogram();
  let next = 0;
  let lastFault: string | undefined;
  const startedAt = nowMs();
  const client = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const from = nowMs();
      try {
        await send(index);
        progress.done += 1;
        times.add(nowMs() - from);
      } catch (error) {
        progress.failed += 1;
        lastFault = error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, client));
  return { ...progress, seconds: (nowMs() - startedAt) / 1_000, times, lastFault };
};

import type { ProcessScope } from './process.ts';
import { FleetError } from '../errors.ts';

export interface Ticker {
  readonly name: string;
  readonly everyMs: number;
  /** Answers whether there is more to do at once. Throws `InfrastructureError` when Postgres or Kafka is away. */
  tick(): Promise<boolean>;
}

const watchEveryMs = 2_000;
const stuckAfterLooks = 25;

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake);
  });

/**
 * Runs a ticker until the scope stops: one tick at a time, the next one `everyMs` after the last ended. A tick that
 * fails on infrastructure is tried again at the next; any other fault ends the process, whose supervisor starts it again.
 */
export const runTicker = (ticker: Ticker, scope: ProcessScope): void => {
  const { log, health, metrics, signal } = scope;
  const duration = metrics.histogram(`ticker_${ticker.name.replaceAll('-', '_')}_seconds`, 'Time of one tick.');
  let looksInTick: number | undefined;
  health.ready(ticker.name, false);
  const stuck = (): string | undefined =>
    looksInTick !== undefined && looksInTick >= stuckAfterLooks
      ? `${ticker.name} has been in one tick for ${(looksInTick * watchEveryMs) / 1_000} s`
      : undefined;
  health.watch(stuck);
  // Looks are counted, not seconds: a process that was stopped for a while is not stuck when it goes on.
  const watchdog = setInterval(() => {
    if (looksInTick !== undefined) looksInTick += 1;
    const what = stuck();
    if (what !== undefined) scope.abandon(new Error(what));
  }, watchEveryMs);
  watchdog.unref();

  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      let hasMore = false;
      const startedAt = performance.now();
      looksInTick = 0;
      try {
        hasMore = await ticker.tick();
        health.ready(ticker.name, true);
      } catch (error) {
        if (!(error instanceof FleetError) || !error.retryable) throw error;
        health.ready(ticker.name, false);
        log.warn({ err: error, ticker: ticker.name }, 'a tick failed and is tried again');
      } finally {
        duration((performance.now() - startedAt) / 1_000);
        looksInTick = undefined;
      }
      if (!hasMore) await sleep(ticker.everyMs, signal);
    }
  };
  const running = loop().catch((error: unknown) => {
    scope.fail(error);
  });
  scope.onClose(`ticker ${ticker.name}`, () => {
    clearInterval(watchdog);
    return running;
  });
};

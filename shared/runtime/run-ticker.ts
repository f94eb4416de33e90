import type { ProcessScope } from './process.ts';
import { FleetError } from '../errors.ts';

export interface Ticker {
  readonly name: string;
  readonly everyMs: number;
  /** Answers whether there is more to do at once. Throws `InfrastructureError` when Postgres or Kafka is away. */
  tick(): Promise<boolean>;
}

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
  let tickStartedAt: number | undefined;
  health.ready(ticker.name, false);
  health.watch(() =>
    tickStartedAt !== undefined && Date.now() - tickStartedAt > 60_000
      ? `${ticker.name} has been in one tick for over 60 s`
      : undefined,
  );

  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      let hasMore = false;
      tickStartedAt = Date.now();
      try {
        hasMore = await ticker.tick();
        health.ready(ticker.name, true);
      } catch (error) {
        if (!(error instanceof FleetError) || !error.retryable) throw error;
        health.ready(ticker.name, false);
        log.warn({ err: error, ticker: ticker.name }, 'a tick failed and is tried again');
      } finally {
        duration((Date.now() - tickStartedAt) / 1_000);
        tickStartedAt = undefined;
      }
      if (!hasMore) await sleep(ticker.everyMs, signal);
    }
  };
  const running = loop().catch((error: unknown) => {
    scope.fail(error);
  });
  scope.onClose(`ticker ${ticker.name}`, () => running);
};

import { setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createHealth, type Health } from './health.ts';
import { createLog, type Logger } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { ConfigError } from '../errors.ts';

export interface ProcessSettings {
  readonly ADMIN_PORT: number;
  readonly METRICS_ENABLED: boolean;
  readonly LOG_LEVEL: string;
  readonly LOG_FILE?: string | undefined;
}

export interface ProcessScope {
  readonly log: Logger;
  /** Aborted by the first signal to stop. */
  readonly signal: AbortSignal;
  readonly health: Health;
  readonly metrics: Metrics;
  /** Registers what is closed at shutdown, in reverse order of registration. */
  readonly onClose: (what: string, close: () => Promise<void> | void) => void;
  /** Ends the process with exit code 1 after closing: its supervisor starts it afresh. */
  readonly fail: (error: unknown) => void;
  /** Ends the process with exit code 1 at once, closing nothing: something in it hangs, and closing would wait for it. */
  readonly abandon: (error: unknown) => void;
}

// A supervisor kills after 25 s; what is not closed by then would be cut off anyway. Work that is under way has 15 s of
// them: what it holds then is left to its lease, and the rest can still be closed.
const shutdownDeadlineMs = 24_000;
const closeAllWithinMs = 22_000;
const closeOneWithinMs = 15_000;

/** Whether the work ended in time; what it throws then is thrown. It may go on afterwards, unheard. */
const endsWithin = async (ms: number, work: Promise<void>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
};

const supervisorGone = 'supervisor gone';

const adminServer = (health: Health, metrics: Metrics, metricsEnabled: boolean): Server =>
  createServer((request, response) => {
    const answer = (status: number, contentType: string, body: string): void => {
      response.writeHead(status, { 'content-type': contentType }).end(body);
    };
    const report = health.report();
    if (request.url === '/live') {
      const isAlive = report.stuck.length === 0;
      answer(isAlive ? 200 : 503, 'application/json', JSON.stringify({ live: isAlive, stuck: report.stuck }));
    } else if (request.url === '/ready') {
      answer(
        report.ready ? 200 : 503,
        'application/json',
        JSON.stringify({ ready: report.ready, waitingFor: report.waitingFor }),
      );
    } else if (request.url === '/metrics' && metricsEnabled) {
      metrics.render().then(
        (text) => {
          answer(200, metrics.contentType, text);
        },
        () => {
          answer(500, 'text/plain', 'metrics are not available\n');
        },
      );
    } else answer(404, 'text/plain', 'not found\n');
  });

/**
 * The life of one process: admin port, signals, start, and shutdown in reverse order of opening. The first signal
 * drains up to a deadline, a second one exits at once. Never returns before the process is to end.
 */
export const runProcess = async (
  name: string,
  settings: ProcessSettings,
  start: (scope: ProcessScope) => Promise<void>,
): Promise<void> => {
  process.title = `mailfleet ${name}`;
  const log = createLog({ name, level: settings.LOG_LEVEL, file: settings.LOG_FILE });
  const health = createHealth();
  const metrics = createMetrics(name);
  const abort = new AbortController();
  // Every ticker of a process waits on it: many listeners are no leak here.
  setMaxListeners(0, abort.signal);
  const closers: { readonly what: string; readonly close: () => Promise<void> | void }[] = [];
  let exitCode = 0;

  const admin = adminServer(health, metrics, settings.METRICS_ENABLED);
  await new Promise<void>((resolve, reject) => {
    admin.once('error', reject);
    admin.listen(settings.ADMIN_PORT, '127.0.0.1', resolve);
  });

  const close = async (): Promise<void> => {
    const startedAt = performance.now();
    for (const { what, close: closeOne } of closers.reverse()) {
      try {
        const leftMs = closeAllWithinMs - (performance.now() - startedAt);
        const isClosed = await endsWithin(
          Math.max(0, Math.min(closeOneWithinMs, leftMs)),
          Promise.resolve().then(closeOne),
        );
        if (!isClosed) log.warn({ what }, 'was not closed in time, and is left as it is');
      } catch (error) {
        // The rest must still be closed; the exit code tells that this stop was not clean.
        log.error({ err: error, what }, 'could not be closed');
        exitCode = 1;
      }
    }
    admin.close();
  };

  const stop = (reason: string): void => {
    if (abort.signal.aborted) {
      process.exit(130);
    }
    log.info({ reason }, 'stopping');
    health.ready('accepting', false);
    abort.abort();
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), shutdownDeadlineMs).unref();
    void close().then(() => {
      // With the supervisor's end of the pipe gone, flushing the log on exit would try for ever (sonic-boom and EPIPE).
      if (reason === supervisorGone) process.kill(process.pid, 'SIGKILL');
      log.info({ exitCode }, 'stopped');
      process.exit(exitCode);
    });
  };
  const fail = (error: unknown): void => {
    log.fatal({ err: error }, 'cannot go on');
    exitCode = 1;
    if (!abort.signal.aborted) stop('fault');
  };
  const abandon = (error: unknown): void => {
    log.fatal({ err: error }, 'something hangs, so the process ends at once');
    process.exit(1);
  };

  process.on('SIGTERM', () => {
    stop('SIGTERM');
  });
  process.on('SIGINT', () => {
    stop('SIGINT');
  });
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  // A supervisor that was killed cannot pass signals on: without it nobody would ever stop us.
  process.on('disconnect', () => {
    stop(supervisorGone);
  });

  try {
    await start({
      log,
      signal: abort.signal,
      health,
      metrics,
      onClose: (what, closeOne) => void closers.push({ what, close: closeOne }),
      fail,
      abandon,
    });
    log.info('started');
  } catch (error) {
    if (error instanceof ConfigError) log.fatal(error.message);
    fail(error);
  }
};

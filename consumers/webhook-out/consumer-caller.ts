// Makes the calls that are due: a few at once at each endpoint, so that a slow one keeps only itself waiting.
import { Webhook } from 'standardwebhooks';
import type { TryOfCall } from '../../shared/contracts/webhooks-api.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { finishCalls, loadTold, takeCalls, type TakenCall } from '../../shared/db/webhook-calls.ts';
import { noteEndpoints, type EndpointNews } from '../../shared/db/webhook-endpoints.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { openValue } from '../../shared/domain/sealed-value.ts';
import { carryAll } from '../../shared/runtime/carry-all.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';
import { bodyOfCall, type ToldMessage } from './body-of-call.ts';
import type { CallResult } from './consumer-post.ts';
import { decideNextTry, type NextTry } from './decide-next-try.ts';

export interface CallerDeps {
  readonly pool: Pool;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Opens the secrets of endpoints. */
  readonly secretKey: Uint8Array;
  readonly post: (url: string, headers: Readonly<Record<string, string>>, body: string) => Promise<CallResult>;
  readonly now: () => Date;
  readonly perEndpoint?: number;
}

interface Ended {
  readonly call: TakenCall;
  readonly attempt: TryOfCall;
  readonly next: NextTry;
}

/** What these tries say of their endpoints, one entry each. */
const newsOf = (ended: readonly Ended[]): EndpointNews[] => {
  const news = new Map<string, EndpointNews>();
  for (const { call, next } of ended) {
    const id = call.endpointId;
    const before = news.get(id);
    const succeeded = next.state === 'delivered' || before?.succeeded === true;
    const gone = (next.state === 'failed' && next.gone) || before?.gone === true;
    news.set(id, { id, succeeded, gone });
  }
  return [...news.values()];
};

const usualPerEndpoint = 8;
const callsAtOnce = 400;
const failDays = 3;
// Between two looks for calls: while some are under way, and after one has ended.
const lookEveryMs = 100;
const pauseMs = 10;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The ticker that makes calls, and how what it has begun is waited for. */
export const createCaller = (deps: CallerDeps) => {
  const { pool, log, metrics, now, perEndpoint = usualPerEndpoint } = deps;
  const counted = metrics.counter('webhook_calls_total', 'Calls of webhooks, by how they ended.', ['state']);
  const underWay = new Map<string, number>();
  const open = new Set<Promise<void>>();

  const record = carryAll<Ended, undefined>(async (ended) => {
    const disabled = await pool.transaction(async (db) => {
      await finishCalls(
        db,
        ended.map(({ call, attempt, next }) => ({
          ...{ id: call.id, token: call.token, state: next.state, attempt },
          waitMs: next.state === 'due' ? next.waitMs : 0,
        })),
      );
      return noteEndpoints(db, newsOf(ended), failDays);
    });
    for (const { id, reason } of disabled) log.warn({ endpoint: id, reason }, 'a webhook was disabled');
    return ended.map(() => undefined);
  }, 500);

  const say = async (call: TakenCall, messages: ReadonlyMap<string, ToldMessage>, at: Date): Promise<CallResult> => {
    const body = bodyOfCall(call, messages);
    const signatures = call.secrets.map((secret) =>
      new Webhook(openValue(deps.secretKey, call.endpointId, secret)).sign(call.webhookId, at, body),
    );
    return deps.post(
      call.url,
      {
        'content-type': 'application/json',
        'user-agent': 'mailfleet-webhooks',
        'webhook-id': call.webhookId,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': signatures.join(' '),
      },
      body,
    );
  };

  const make = async (call: TakenCall, messages: ReadonlyMap<string, ToldMessage>): Promise<void> => {
    const at = now();
    const result = await say(call, messages, at).catch((error: unknown): CallResult => {
      if (!(error instanceof InvalidMessageError)) throw error;
      const words = 'Its secret was sealed under another JWT_SECRET: rotate it.';
      return { status: undefined, retryAfterMs: undefined, ms: 0, answer: null, error: words };
    });
    const next = decideNextTry(result, call.tries + 1);
    const { status = null, ms, error, answer } = result;
    await record([{ call, next, attempt: { at: at.toISOString(), status, ms, error, answer } }]);
    counted({ state: next.state });
  };

  let wake: () => void = () => undefined;
  /** Begins calls that are due, without waiting for them; answers how many. */
  const begin = async (): Promise<number> => {
    const room = callsAtOnce - open.size;
    if (room <= 0) return 0;
    const calls = await takeCalls(pool, { perEndpoint, inAll: room }, underWay);
    const ids = calls.flatMap(({ events }) => events.flatMap(({ messageId }) => messageId ?? []));
    const messages = await loadTold(pool, [...new Set(ids)]);
    for (const call of calls) {
      underWay.set(call.endpointId, (underWay.get(call.endpointId) ?? 0) + 1);
      const work = make(call, messages)
        // Postgres was away: the call is made again when its minute is over.
        .catch((error: unknown) => {
          log.warn({ err: error, call: call.id }, 'how a call ended could not be written');
        })
        .finally(() => {
          open.delete(work);
          const left = (underWay.get(call.endpointId) ?? 1) - 1;
          if (left > 0) underWay.set(call.endpointId, left);
          else underWay.delete(call.endpointId);
          wake();
        });
      open.add(work);
    }
    return calls.length;
  };

  const ticker: Ticker = {
    name: 'webhook-calls',
    everyMs: 200,
    tick: async () => {
      await begin();
      if (open.size === 0) return false;
      // The next look is when one has ended, and soon in any case: others may be due while all of these are slow.
      const ended = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([ended, sleep(lookEveryMs)]);
      await sleep(pauseMs);
      return true;
    },
  };
  return {
    ticker,
    /** Waits for the calls that were begun. */
    close: async (): Promise<void> => {
      await Promise.all(open);
    },
  };
};

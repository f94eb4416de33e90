// How much a key or an address may ask for, over all processes together: each leases slices of what Postgres keeps, at most
// one statement a second and bucket, and spends them in memory (as senders do with the budgets of ESPs).
import { LRUCache } from 'lru-cache';
import type { RateAsk } from '../../shared/db/rate-buckets.ts';
import { InfrastructureError } from '../../shared/errors.ts';
import { answerWithin } from '../../shared/runtime/answer-within.ts';
import { carryAll } from '../../shared/runtime/carry-all.ts';

export type Taken = { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };

export interface RateLimits {
  /**
   * Takes `wanted` of a bucket that holds `perMinute` and gets as much back in a minute: all of it, at once or within
   * about a second, or nothing. More than the bucket ever holds is never granted.
   */
  take(bucket: string, perMinute: number, wanted?: number): Promise<Taken>;
  /** How long a bucket that is found empty, or that a minute's worth waits for, stays closed, in ms; else undefined. */
  closedForMs(bucket: string): number | undefined;
}

interface Waiter {
  readonly wanted: number;
  readonly perMinute: number;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: unknown) => void;
}

interface Purse {
  left: number;
  leasedAt: number;
  lastSlice: number;
  spentOfSlice: number;
  askAgainAt: number;
  /** Whether the last lease took all that the bucket had. */
  isDrained: boolean;
  perMinute: number;
  isAsking: boolean;
  timer: NodeJS.Timeout | undefined;
  waiting: Waiter[];
  /** What all who wait want together. */
  demand: number;
}

// A little more than a second, and never the same: of processes that ask in step the last would find nothing for ever.
const askEveryMs = 1_000;
const askJitterMs = 250;
// A slice that has lain about for longer is given up: the bucket has got it back by itself meanwhile.
const sliceLastsMs = 10_000;
const minuteMs = 60_000;
const maxPurses = 50_000;

/**
 * What is leased beyond what waits, so that the next ones need not wait for the next statement: a second's worth, or a
 * little more of small limits - but never so much that a dozen processes would hold all there is.
 */
const reserveOf = (perMinute: number): number => Math.ceil(Math.max(perMinute / 60, Math.min(perMinute / 20, 20)));

/** Limits on leases; `lease` answers what each ask was granted, in order. */
export const createRateLimits = (deps: {
  readonly lease: (asks: readonly RateAsk[]) => Promise<readonly number[]>;
  readonly now: () => number;
  readonly random: () => number;
}): RateLimits => {
  const purses = new LRUCache<string, Purse>({ max: maxPurses });
  const carry = carryAll(deps.lease, 1_000);
  let unanswered = 0;

  /** Undefined when Postgres does not answer within a second, or did not answer others and still does not. */
  const leaseInTime = async (ask: RateAsk): Promise<number | undefined> => {
    if (unanswered > 0) return undefined;
    const leased = carry([ask]);
    try {
      const answer = await answerWithin(leased, askEveryMs);
      if (answer !== undefined) return answer[0];
      unanswered += 1;
      const settle = (): void => {
        unanswered -= 1;
      };
      void leased.then(settle, settle);
      return undefined;
    } catch (error) {
      if (error instanceof InfrastructureError) return undefined;
      throw error;
    }
  };

  const refuse = (purse: Purse, waiter: Waiter): void => {
    const refillMs = ((waiter.wanted - purse.left) / waiter.perMinute) * minuteMs;
    waiter.resolve({ ok: false, retryAfterMs: Math.max(askEveryMs, Math.min(minuteMs, refillMs)) });
  };

  const serve = (bucket: string, purse: Purse): void => {
    for (let first = purse.waiting[0]; first !== undefined && first.wanted <= purse.left; first = purse.waiting[0]) {
      purse.waiting.shift();
      purse.demand -= first.wanted;
      purse.left -= first.wanted;
      purse.spentOfSlice += first.wanted;
      first.resolve({ ok: true });
    }
    if (purse.waiting.length === 0 || purse.isAsking) return;
    clearTimeout(purse.timer);
    const waitMs = purse.askAgainAt - deps.now();
    if (waitMs > 0) {
      purse.timer = setTimeout(() => {
        serve(bucket, purse);
      }, waitMs);
    } else void ask(bucket, purse);
  };

  const ask = async (bucket: string, purse: Purse): Promise<void> => {
    purse.isAsking = true;
    purse.isDrained = false;
    const now = deps.now();
    purse.askAgainAt = now + askEveryMs + deps.random() * askJitterMs;
    const { perMinute } = purse;
    const reserve = reserveOf(perMinute);
    const want = Math.min(perMinute, Math.max(purse.demand, 2 * purse.spentOfSlice, reserve));
    const giveBack = purse.left;
    purse.left = 0;
    try {
      const granted = await leaseInTime({ bucket, perMinute, want, giveBack });
      // With Postgres away the pace of before goes on; who was never seen before gets a second's worth.
      purse.left = granted ?? Math.max(purse.lastSlice, reserve);
      if (granted !== undefined) purse.lastSlice = granted;
      purse.spentOfSlice = 0;
      purse.leasedAt = deps.now();
      purse.isDrained = purse.left < want;
      if (purse.isDrained) {
        // All that is left is here: who does not find room in it is told so, rather than kept waiting.
        const kept: Waiter[] = [];
        let room = purse.left;
        for (const waiter of purse.waiting) {
          if (waiter.wanted <= room) {
            room -= waiter.wanted;
            kept.push(waiter);
          } else {
            purse.demand -= waiter.wanted;
            refuse(purse, waiter);
          }
        }
        purse.waiting = kept;
      }
    } catch (error) {
      purse.demand = 0;
      for (const waiter of purse.waiting.splice(0)) waiter.reject(error);
    } finally {
      purse.isAsking = false;
    }
    serve(bucket, purse);
  };

  const newPurse = (): Purse => ({
    ...{ left: 0, leasedAt: 0, lastSlice: 0, spentOfSlice: 0, askAgainAt: 0, isDrained: false, perMinute: 1 },
    ...{ isAsking: false, timer: undefined, waiting: [], demand: 0 },
  });

  return {
    take: (bucket, perMinute, wanted = 1) =>
      new Promise((resolve, reject) => {
        const purse = purses.get(bucket) ?? newPurse();
        purses.set(bucket, purse);
        const now = deps.now();
        if (!purse.isAsking && now - purse.leasedAt > sliceLastsMs) purse.left = 0;
        purse.perMinute = perMinute;
        const waiter: Waiter = { wanted, perMinute, resolve, reject };
        const isFree = purse.waiting.length === 0 && wanted <= purse.left;
        // Waiting helps where the slice is spent, not where the bucket is.
        const isHopeless = purse.isDrained && now < purse.askAgainAt;
        if (!isFree && (isHopeless || purse.demand + wanted > perMinute)) {
          refuse(purse, waiter);
          return;
        }
        purse.waiting.push(waiter);
        purse.demand += wanted;
        serve(bucket, purse);
      }),
    closedForMs: (bucket) => {
      const purse = purses.get(bucket);
      if (purse === undefined) return undefined;
      const isFull = purse.demand >= purse.perMinute;
      const isEmpty = purse.isDrained && purse.left < 1;
      const waitMs = purse.askAgainAt - deps.now();
      return (isFull || isEmpty) && waitMs > 0 ? waitMs : undefined;
    },
  };
};

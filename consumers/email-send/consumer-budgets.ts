// A process's purse of the ESPs' budgets: it leases slices of what Postgres keeps for the whole fleet, at most one statement
// a second and ESP, and spends them in memory. A slice is good for a second, so that what one process does not need is
// another's, and so that no process saves up tokens for a burst.
import { leaseBudget, type BudgetLease, type BudgetPeriod } from '../../shared/db/esp-budgets.ts';
import type { Database } from '../../shared/db/connect.ts';
import { InfrastructureError } from '../../shared/errors.ts';
import { answerWithin } from '../../shared/runtime/answer-within.ts';

/** An ESP's limits of the fleet; null where there is none. */
export interface FleetLimits {
  readonly perSecond: number | null;
  readonly perDay: number | null;
  readonly perMonth: number | null;
}

/** What may be sent now: at least one message - or none, and then which limit holds it and when to ask again. */
export interface Grant {
  readonly granted: number;
  readonly held?: { readonly by: BudgetPeriod; readonly retryAfterMs: number } | undefined;
}

export interface Budgets {
  /**
   * Takes up to `wanted` messages of an ESP's budgets, as soon as there is at least one and in the order of asking. Answers
   * none when that cannot be before `deadlineMs` (a time), or when the budget of the day or month is spent.
   */
  take(esp: string, limits: FleetLimits, wanted: number, deadlineMs: number): Promise<Grant>;
  /** Gives back what was leased and not spent. Who still waits gets none. */
  close(): Promise<void>;
}

interface Waiter {
  readonly wanted: number;
  readonly deadlineMs: number;
  readonly resolve: (grant: Grant) => void;
  readonly reject: (error: unknown) => void;
}

// A little more than a second, and never the same: of processes that ask in step the last would find nothing for ever.
const askEveryMs = 1_000;
const askJitterMs = 250;
const sliceLastsMs = 1_000;
// The next message takes the statement that gives back along, so that none has to wait behind it.
const giveBackAfterMs = 5_000;
// A spent budget is asked for again: another process may have given back what it leased.
const longestHeldMs = 10_000;
// Nor is a message put off for longer: an operator may raise the limit.
const longestRetryMs = 3_600_000;
const largestReserve = 100;

const hasQuota = ({ perDay, perMonth }: FleetLimits): boolean => perDay !== null || perMonth !== null;
const isSame = (a: FleetLimits, b: FleetLimits): boolean =>
  a.perSecond === b.perSecond && a.perDay === b.perDay && a.perMonth === b.perMonth;

/** What is leased beyond what waits, so that the next messages of this second need not wait for the next statement. */
const reserveOf = ({ perSecond, perDay, perMonth }: FleetLimits): number =>
  Math.ceil(
    Math.min((perSecond ?? Infinity) / 10, (perDay ?? Infinity) / 100, (perMonth ?? Infinity) / 100, largestReserve),
  );

/** One ESP's purse. */
const purseOf = (esp: string, db: Database, first: FleetLimits) => {
  let limits = first;
  let waiting: Waiter[] = [];
  let left = 0;
  let leasedUntil = 0;
  let leasedAt: string | undefined;
  let spentOfSlice = 0;
  let lastSlice = 0;
  /** Owed to the day's and month's budgets when positive; by them when negative. */
  let toGiveBack = 0;
  let held: { readonly by: BudgetPeriod; readonly freeAt: number; readonly until: number } | undefined;
  let askAgainAt = 0;
  let asking: Promise<void> | undefined;
  let isStatementOut = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  const voidSlice = (): void => {
    if (hasQuota(limits)) toGiveBack += left;
    left = 0;
  };
  const spentBudget = (now: number): typeof held =>
    held !== undefined && held.by !== 'second' && held.until > now ? held : undefined;

  /** Undefined when Postgres does not answer within a second; a grant that comes later than that is given back. */
  const leaseInTime = async (want: number): Promise<BudgetLease | undefined> => {
    if (isStatementOut) return undefined;
    isStatementOut = true;
    const giveBack = toGiveBack;
    const leased = leaseBudget(db, { esp, want, giveBack, leasedAt }).finally(() => {
      isStatementOut = false;
    });
    try {
      const answer = await answerWithin(leased, askEveryMs);
      if (answer !== undefined) toGiveBack -= giveBack;
      else {
        void leased.then(
          ({ granted }) => {
            toGiveBack += granted - giveBack;
          },
          () => undefined,
        );
      }
      return answer;
    } catch (error) {
      if (error instanceof InfrastructureError) return undefined;
      throw error;
    }
  };

  const ask = async (want: number): Promise<void> => {
    askAgainAt = performance.now() + askEveryMs + Math.random() * askJitterMs;
    try {
      const answer = await leaseInTime(want);
      const now = performance.now();
      leasedUntil = now + sliceLastsMs;
      spentOfSlice = 0;
      if (answer === undefined) {
        // With Postgres away the pace of before goes on, and what it spends is told when Postgres is back.
        left = want > 0 ? lastSlice : 0;
        if (hasQuota(limits)) toGiveBack -= left;
      } else {
        left = answer.granted;
        leasedAt = answer.at;
        if (want > 0) lastSlice = answer.granted;
        held = answer.held && {
          by: answer.held.by,
          freeAt: now + answer.held.forMs,
          until: now + Math.min(answer.held.forMs, longestHeldMs),
        };
      }
    } catch (error) {
      for (const waiter of waiting.splice(0)) waiter.reject(error);
    } finally {
      asking = undefined;
      serve();
    }
  };

  const serve = (): void => {
    const now = performance.now();
    if (left > 0 && now >= leasedUntil) voidSlice();
    while (left > 0) {
      const waiter = waiting.shift();
      if (waiter === undefined) break;
      const granted = Math.min(waiter.wanted, left);
      left -= granted;
      spentOfSlice += granted;
      waiter.resolve({ granted });
    }
    const spent = spentBudget(now);
    const stillWaiting: Waiter[] = [];
    for (const waiter of waiting) {
      // Nobody waits in vain for what can only come too late.
      const isTooLate = asking === undefined && Math.max(now, askAgainAt) > waiter.deadlineMs;
      if (spent !== undefined) {
        const retryAfterMs = Math.min(longestRetryMs, Math.max(askEveryMs, spent.freeAt - now));
        waiter.resolve({ granted: 0, held: { by: spent.by, retryAfterMs } });
      } else if (isTooLate || isClosed) {
        waiter.resolve({ granted: 0, held: { by: 'second', retryAfterMs: askEveryMs } });
      } else stillWaiting.push(waiter);
    }
    waiting = stillWaiting;
    schedule(now);
  };

  const schedule = (now: number): void => {
    clearTimeout(timer);
    if (asking !== undefined || isClosed) return;
    const demand = waiting.reduce((sum, { wanted }) => sum + wanted, 0);
    if (demand === 0 && (!hasQuota(limits) || (left === 0 && toGiveBack === 0))) return;
    const at = demand > 0 ? askAgainAt : Math.max(askAgainAt, leasedUntil + giveBackAfterMs);
    if (now < at) {
      timer = setTimeout(serve, at - now);
      // What is only to be given back keeps no process alive.
      if (demand === 0) timer.unref();
      return;
    }
    asking = ask(demand === 0 ? 0 : Math.max(demand, spentOfSlice, reserveOf(limits)));
  };

  return {
    take: (asked: FleetLimits, wanted: number, deadlineMs: number): Promise<Grant> =>
      new Promise((resolve, reject) => {
        if (!isSame(limits, asked)) {
          voidSlice();
          limits = asked;
          held = undefined;
        }
        waiting.push({ wanted, deadlineMs, resolve, reject });
        serve();
      }),
    close: async (): Promise<void> => {
      isClosed = true;
      await asking;
      serve();
      voidSlice();
      if (toGiveBack !== 0) await leaseBudget(db, { esp, want: 0, giveBack: toGiveBack, leasedAt });
    },
  };
};

/** The purses of a process. An ESP that nobody asks for costs nothing. */
export const budgetsOn = (db: Database): Budgets => {
  const purses = new Map<string, ReturnType<typeof purseOf>>();
  return {
    take: (esp, limits, wanted, deadlineMs) => {
      const purse = purses.get(esp) ?? purseOf(esp, db, limits);
      purses.set(esp, purse);
      return purse.take(limits, wanted, deadlineMs);
    },
    close: async () => {
      await Promise.all([...purses.values()].map((purse) => purse.close()));
    },
  };
};

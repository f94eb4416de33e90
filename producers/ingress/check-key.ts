// Who asks, by the text of a key - whichever way in it came. What Postgres says of a key is kept for a few seconds, so that
// a busy key costs a statement every few seconds and process, not one a request.
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { scopes, type Scope } from '../../shared/contracts/accounts-api.ts';
import type { UsableKey } from '../../shared/db/api-keys.ts';
import { adminAccountId, type AccountLimits } from '../../shared/domain/account.ts';
import { hashKey, prefixOf } from '../../shared/domain/api-key.ts';
import { InfrastructureError } from '../../shared/errors.ts';
import { answerWithin } from '../../shared/runtime/answer-within.ts';
import { carryAll } from '../../shared/runtime/carry-all.ts';

/** Who asks, and what they may. */
export interface Caller {
  readonly accountId: string;
  /** Undefined for the key of the environment. */
  readonly keyId: string | undefined;
  readonly scopes: readonly Scope[];
  readonly senderDomains: readonly string[];
  /** Undefined: without limits. */
  readonly limits: AccountLimits | undefined;
}

/** Whether the caller may use what concerns the whole fleet. */
export const isFleetAdmin = (caller: Caller): boolean =>
  caller.accountId === adminAccountId && caller.scopes.includes('admin');

export interface KeyCheck {
  /**
   * The caller behind a key, or undefined for a key that is unknown, revoked or expired, or whose account is closed.
   * With `onlyKnown` a key that this process has not seen valid before is `blocked`, without a look-up. Throws
   * `InfrastructureError` when Postgres is away and the key was not seen valid within the last minute.
   */
  check(key: string, options?: { readonly onlyKnown: boolean }): Promise<Caller | undefined | 'blocked'>;
  /** Forgets how fresh everything is: the next use of each key asks Postgres. */
  readonly forget: () => void;
}

// Together five seconds: the longest that a revoked key goes on while Postgres answers, even when its notice was lost.
const freshMs = 4_000;
const knownPatienceMs = 1_000;
// Without a word of it before, there is nothing to fall back on.
const unknownPatienceMs = 4_000;
/** How long a key that was valid goes on while Postgres is away (decision 29). */
const graceMs = 60_000;
const refusedMs = 5_000;
const maxKeys = 10_000;

interface Known {
  readonly caller: Caller;
  /** A time of this process; Infinity without an end. */
  readonly expiresAt: number;
  readonly verifiedAt: number;
  readonly generation: number;
}

/** Whoever has the key of the environment; and every caller of an open way in with AUTH_OPEN=1, over HTTP, gRPC or SMTP. */
export const fleetAdmin: Caller = {
  accountId: adminAccountId,
  keyId: undefined,
  scopes,
  senderDomains: ['*'],
  limits: undefined,
};

/** Checks keys: that of the environment in constant time, others by their hash through `find`. */
export const createKeyCheck = (deps: {
  readonly adminKey: string;
  readonly find: (hashes: readonly Buffer[]) => Promise<ReadonlyMap<string, UsableKey>>;
  readonly onUse: (keyId: string) => void;
  readonly now: () => number;
}): KeyCheck => {
  const adminHash = hashKey(deps.adminKey);
  const known = new LRUCache<string, Known>({ max: maxKeys });
  const refusedAt = new LRUCache<string, number>({ max: maxKeys });
  let generation = 0;

  // One statement at a time carries every key that waits: guesses, however many, cost no more than that.
  const lookUp = carryAll<Buffer, boolean>(async (hashes) => {
    const askedAt = deps.now();
    const askedIn = generation;
    const found = await deps.find(hashes);
    return hashes.map((hash) => {
      const id = hash.toString('hex');
      const key = found.get(id);
      if (key === undefined) {
        known.delete(id);
        refusedAt.set(id, askedAt);
        return false;
      }
      const { expiresInMs, ...caller } = key;
      const expiresAt = expiresInMs === null ? Infinity : askedAt + expiresInMs;
      known.set(id, { caller, expiresAt, verifiedAt: askedAt, generation: askedIn });
      return true;
    });
  }, 1_000);

  const askPostgres = async (hash: Buffer, patienceMs: number): Promise<'answered' | 'away'> => {
    try {
      return (await answerWithin(lookUp([hash]), patienceMs)) === undefined ? 'away' : 'answered';
    } catch (error) {
      if (error instanceof InfrastructureError) return 'away';
      throw error;
    }
  };

  const use = (id: string): Caller | undefined => {
    const entry = known.get(id);
    if (entry === undefined || entry.expiresAt <= deps.now()) return undefined;
    deps.onUse(entry.caller.keyId ?? '');
    return entry.caller;
  };

  return {
    check: async (key, options) => {
      const hash = hashKey(key);
      // Digests have one length, so the comparison tells nothing about the key's.
      if (timingSafeEqual(hash, adminHash)) return fleetAdmin;
      if (prefixOf(key) === undefined) return options?.onlyKnown === true ? 'blocked' : undefined;
      const id = hash.toString('hex');
      const now = deps.now();
      const entry = known.get(id);
      if (entry !== undefined && entry.generation === generation && now - entry.verifiedAt < freshMs) return use(id);
      if (entry === undefined) {
        if (options?.onlyKnown === true) return 'blocked';
        if (now - (refusedAt.get(id) ?? -Infinity) < refusedMs) return undefined;
      }
      const answer = await askPostgres(hash, entry === undefined ? unknownPatienceMs : knownPatienceMs);
      if (answer === 'answered') return use(id);
      if (entry !== undefined && deps.now() - entry.verifiedAt < graceMs) return use(id);
      throw new InfrastructureError('postgres-away', 'Postgres cannot be asked about a key right now.');
    },
    forget: () => {
      generation += 1;
    },
  };
};

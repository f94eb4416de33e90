// Who may come in, whichever door it is: the key, its scope, and how often it and its address ask.
import type { Scope } from '../../shared/contracts/accounts-api.ts';
import { adminAccountId } from '../../shared/domain/account.ts';
import { admitRequest, orTooMany } from './caller-limits.ts';
import { isFleetAdmin, type Caller, type KeyCheck } from './check-key.ts';
import type { RateLimits } from './rate-limits.ts';
import { Refusal } from './refusal.ts';
import { addressGroup } from './remote-address.ts';

export interface Guards {
  readonly keys: KeyCheck;
  readonly rateLimits: RateLimits;
  /** What one address may ask for, with keys and without valid ones. */
  readonly addressLimits: { readonly requestsPerMinute: number; readonly failuresPerMinute: number };
}

/** What a door's request says of who makes it. */
export interface Asking {
  /** Undefined when it carries none. */
  readonly key: string | undefined;
  /** IP address of the other side. */
  readonly address: string;
  /** Told when a failure could not be counted. */
  readonly onUncounted: (error: unknown) => void;
}

/** A refusal that says nothing about what was wrong. */
export const notAuthenticated = (): Refusal =>
  new Refusal('not-authenticated', 'Send a valid key as Authorization: Bearer <key>.');

/** The caller behind a key. Throws `not-authenticated`, or `too-many` where an address guessed too often. */
export const authenticate = async ({ key, address, onUncounted }: Asking, guards: Guards): Promise<Caller> => {
  const { keys, rateLimits, addressLimits } = guards;
  const bucket = `failures:${addressGroup(address)}`;
  // Whoever guesses is closed out; keys that were seen valid go on, for a proxy may stand between us and many.
  const closedForMs = rateLimits.closedForMs(bucket);
  const caller =
    key === undefined
      ? closedForMs === undefined
        ? undefined
        : ('blocked' as const)
      : await keys.check(key, { onlyKnown: closedForMs !== undefined });
  if (caller === 'blocked') {
    throw new Refusal('too-many', 'Too many requests without a valid key came from here.', {
      retryAfterMs: closedForMs ?? 1_000,
    });
  }
  if (caller === undefined) {
    // Counted beside the answer: a refusal waits for nobody.
    rateLimits.take(bucket, addressLimits.failuresPerMinute).catch(onUncounted);
    throw notAuthenticated();
  }
  return caller;
};

/** Before anything of a body is read: who asks, whether they may, and whether it is not too much. Throws `Refusal`. */
export const admitCaller = async (
  asking: Asking,
  access: {
    readonly scope: Scope;
    /** A key of any account; one of the fleet's own account; or of that, and with the scope `admin` as well. */
    readonly of: 'any account' | "the fleet's account" | 'the fleet';
  },
  guards: Guards,
): Promise<Caller> => {
  const caller = await authenticate(asking, guards);
  if (access.of === "the fleet's account" && caller.accountId !== adminAccountId) {
    throw new Refusal('not-allowed', "This concerns the whole fleet: it needs a key of the fleet's own account.");
  }
  if (access.of === 'the fleet' && !isFleetAdmin(caller)) {
    throw new Refusal('not-allowed', 'This concerns the whole fleet: it needs a key of its administrators.');
  }
  if (!caller.scopes.includes(access.scope)) {
    throw new Refusal('not-allowed', `This needs a key with the scope ${access.scope}.`);
  }
  // The key of the environment sets the limits of all others and has none; it needs no Postgres either.
  if (caller.limits === undefined) return caller;
  const { rateLimits, addressLimits } = guards;
  orTooMany(
    await rateLimits.take(`address:${addressGroup(asking.address)}`, addressLimits.requestsPerMinute),
    'Too many requests came from this address.',
  );
  await admitRequest(rateLimits, caller);
  return caller;
};

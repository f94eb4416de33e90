import type { FastifyRequest } from 'fastify';
import { adminAccountId } from '../../../shared/domain/account.ts';
import { isLoopbackHeader } from '../../../shared/domain/loopback.ts';
import { fleetAdmin, isFleetAdmin, type Caller, type KeyCheck } from '../check-key.ts';
import type { RateLimits, Taken } from '../rate-limits.ts';
import { addressGroup } from '../remote-address.ts';
import type { KeyAccess } from './access.ts';
import { HttpProblem } from './problem.ts';

export interface Guards {
  readonly keys: KeyCheck;
  readonly rateLimits: RateLimits;
  /** AUTH_OPEN: the seeds' routes need no key. Only ever true on a loopback host. */
  readonly isOpen: boolean;
  /** What one address may ask for, with keys and without valid ones. */
  readonly addressLimits: { readonly requestsPerMinute: number; readonly failuresPerMinute: number };
}

/** A 401 that says nothing about what was wrong. */
export const notAuthenticated = (): HttpProblem =>
  new HttpProblem(401, 'Not authenticated', {
    detail: 'Send a valid key as Authorization: Bearer <key>.',
    headers: { 'www-authenticate': 'Bearer' },
  });

const notAllowed = (detail: string): HttpProblem => new HttpProblem(403, 'Not allowed', { detail });

const tooMany = (detail: string, retryAfterMs: number): HttpProblem =>
  new HttpProblem(429, 'Too many requests', {
    detail,
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) },
  });

const orTooMany = (taken: Taken, detail: string): void => {
  if (!taken.ok) throw tooMany(detail, taken.retryAfterMs);
};

// Keys are made and revoked freely: without a common limit an account would have as much as it makes keys.
const keysOfAccount = 10;

/** Takes from what a key may, and from what all keys of its account together may. Throws 429. */
const takeOfCaller = async (
  rateLimits: RateLimits,
  caller: Caller,
  what: 'requests' | 'recipients',
  { perMinute, wanted, sentence }: { readonly perMinute: number; readonly wanted: number; readonly sentence: string },
): Promise<void> => {
  orTooMany(await rateLimits.take(`${what}:key:${caller.keyId ?? ''}`, perMinute, wanted), sentence);
  const ofAccount = await rateLimits.take(`${what}:account:${caller.accountId}`, keysOfAccount * perMinute, wanted);
  orTooMany(ofAccount, 'All keys of this account together ask for too much.');
};

const authenticate = async (request: FastifyRequest, address: string, guards: Guards): Promise<Caller> => {
  const { keys, rateLimits, addressLimits } = guards;
  const bucket = `failures:${address}`;
  // Whoever guesses is closed out; keys that were seen valid go on, for a proxy may stand between us and many.
  const closedForMs = rateLimits.closedForMs(bucket);
  const key = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const caller =
    key === undefined
      ? closedForMs === undefined
        ? undefined
        : ('blocked' as const)
      : await keys.check(key, { onlyKnown: closedForMs !== undefined });
  if (caller === 'blocked')
    throw tooMany('Too many requests without a valid key came from here.', closedForMs ?? 1_000);
  if (caller === undefined) {
    // Counted beside the answer: a 401 waits for nobody.
    rateLimits.take(bucket, addressLimits.failuresPerMinute).catch((error: unknown) => {
      request.log.error({ err: error }, 'a request without a valid key could not be counted');
    });
    throw notAuthenticated();
  }
  return caller;
};

// A page of somebody else's that got its name to point here (DNS rebinding) still calls by that name.
const isOpenTo = (request: FastifyRequest, access: KeyAccess, guards: Guards): boolean =>
  guards.isOpen && access.isSeed === true && isLoopbackHeader(request.headers.host);

/** Before anything of the body is read: who asks, whether they may, and whether it is not too much. Throws a problem. */
export const admit = async (request: FastifyRequest, access: KeyAccess, guards: Guards): Promise<Caller> => {
  if (isOpenTo(request, access, guards)) return fleetAdmin;
  const address = addressGroup(request.ip);
  const caller = await authenticate(request, address, guards);
  if (access.of === "the fleet's account" && caller.accountId !== adminAccountId) {
    throw notAllowed("This concerns the whole fleet: it needs a key of the fleet's own account.");
  }
  if (access.of === 'the fleet' && !isFleetAdmin(caller)) {
    throw notAllowed('This concerns the whole fleet: it needs a key of its administrators.');
  }
  if (!caller.scopes.includes(access.scope)) throw notAllowed(`This needs a key with the scope ${access.scope}.`);
  // The key of the environment sets the limits of all others and has none; it needs no Postgres either.
  if (caller.limits === undefined) return caller;
  const { rateLimits, addressLimits } = guards;
  orTooMany(
    await rateLimits.take(`address:${address}`, addressLimits.requestsPerMinute),
    'Too many requests came from this address.',
  );
  const { requestsPerMinute } = caller.limits;
  await takeOfCaller(rateLimits, caller, 'requests', {
    perMinute: requestsPerMinute,
    wanted: 1,
    sentence: `A key of this account may make ${requestsPerMinute} requests a minute.`,
  });
  return caller;
};

/** Counts recipients against the caller's limit. Throws 429, or 422 where a request alone is more than a minute's worth. */
export const admitRecipients = async (rateLimits: RateLimits, caller: Caller, count: number): Promise<void> => {
  if (caller.limits === undefined) return;
  const most = caller.limits.recipientsPerMinute;
  if (count > most) {
    throw new HttpProblem(422, 'The request cannot be processed', {
      errors: [
        {
          pointer: '/recipients',
          detail: `are more than the ${most} that a key of this account may send to in a minute`,
        },
      ],
    });
  }
  await takeOfCaller(rateLimits, caller, 'recipients', {
    perMinute: most,
    wanted: count,
    sentence: `A key of this account may send to ${most} recipients a minute.`,
  });
};

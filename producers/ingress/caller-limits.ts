// What a caller may ask for in a minute, whichever way in it came.
import type { Caller } from './check-key.ts';
import type { RateLimits, Taken } from './rate-limits.ts';
import { invalid, Refusal } from './refusal.ts';

/** Throws the refusal `too-many` unless it was granted. */
export const orTooMany = (taken: Taken, sentence: string): void => {
  if (!taken.ok) throw new Refusal('too-many', sentence, { retryAfterMs: taken.retryAfterMs });
};

// Keys are made and revoked freely: without a common limit an account would have as much as it makes keys.
const keysOfAccount = 10;

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

/** Counts one request against what the caller's key, and all keys of its account together, may make. Throws `too-many`. */
export const admitRequest = async (rateLimits: RateLimits, caller: Caller): Promise<void> => {
  if (caller.limits === undefined) return;
  const { requestsPerMinute } = caller.limits;
  await takeOfCaller(rateLimits, caller, 'requests', {
    perMinute: requestsPerMinute,
    wanted: 1,
    sentence: `A key of this account may make ${requestsPerMinute} requests a minute.`,
  });
};

/** Counts recipients against the caller's limit. Throws `too-many`, or `invalid` where a request alone is more than a minute's worth. */
export const admitRecipients = async (rateLimits: RateLimits, caller: Caller, count: number): Promise<void> => {
  if (caller.limits === undefined) return;
  const most = caller.limits.recipientsPerMinute;
  if (count > most) {
    throw invalid([
      {
        pointer: '/recipients',
        detail: `are more than the ${most} that a key of this account may send to in a minute`,
      },
    ]);
  }
  await takeOfCaller(rateLimits, caller, 'recipients', {
    perMinute: most,
    wanted: count,
    sentence: `A key of this account may send to ${most} recipients a minute.`,
  });
};

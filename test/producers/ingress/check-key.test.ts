import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createKeyCheck, isFleetAdmin } from '../../../producers/ingress/check-key.ts';
import { scopes, type Scope } from '../../../shared/contracts/accounts-api.ts';
import type { UsableKey } from '../../../shared/db/api-keys.ts';
import { makeKey } from '../../../shared/domain/api-key.ts';
import { InfrastructureError } from '../../../shared/errors.ts';

const adminKey = randomBytes(32).toString('base64url');
const limits = { requestsPerMinute: 10, recipientsPerMinute: 100 };
const usable = (more: Partial<UsableKey> = {}): UsableKey => ({
  ...{
    keyId: 'key_1',
    accountId: 'acme',
    scopes: ['send'],
    senderDomains: ['acme.example'],
    limits,
    expiresInMs: null,
  },
  ...more,
});

/** A check on a Postgres in memory, at a time that the test sets. */
const world = () => {
  const rows = new Map<string, UsableKey>();
  const used: string[] = [];
  let now = 1_000_000;
  let statements = 0;
  let hashesAsked = 0;
  let isAway = false;
  let held: Promise<void> = Promise.resolve();
  const keys = createKeyCheck({
    adminKey,
    find: async (hashes) => {
      statements += 1;
      hashesAsked += hashes.length;
      // What a statement sees is settled when it begins.
      const found = new Map(
        hashes
          .map((hash) => hash.toString('hex'))
          .flatMap((id) => {
            const row = rows.get(id);
            return row === undefined ? [] : [[id, row] as const];
          }),
      );
      await held;
      if (isAway) throw new InfrastructureError('postgres-away', 'gone');
      return found;
    },
    onUse: (keyId) => used.push(keyId),
    now: () => now,
  });
  const give = (more: Partial<UsableKey> = {}): string => {
    const { key, secretHash } = makeKey(randomBytes);
    rows.set(secretHash.toString('hex'), usable(more));
    return key;
  };
  return {
    keys,
    used,
    give,
    revokeAll: () => {
      rows.clear();
    },
    pass: (ms: number) => (now += ms),
    statements: () => statements,
    hashesAsked: () => hashesAsked,
    away: (now: boolean) => (isAway = now),
    /** Holds statements back until the answer is called. */
    hold: () => {
      let release = (): void => undefined;
      held = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
  };
};

describe('A key', () => {
  it('of the environment is the administrators’, has every scope and no limit, and asks nobody', async () => {
    const { keys, statements } = world();
    const caller = await keys.check(adminKey);
    expect(caller).toEqual({ accountId: 'admin', keyId: undefined, scopes, senderDomains: ['*'], limits: undefined });
    expect(statements()).toBe(0);
  });

  it('brings its account, scopes, domains and limits, and its use is noted', async () => {
    const { keys, used, give } = world();
    expect(await keys.check(give())).toEqual({
      ...{ keyId: 'key_1', accountId: 'acme', scopes: ['send'], senderDomains: ['acme.example'], limits },
    });
    expect(used).toEqual(['key_1']);
  });

  it('costs one statement every few seconds, however often it is used', async () => {
    const { keys, give, statements, pass } = world();
    const key = give();
    for (let n = 0; n < 39; n += 1) {
      expect(await keys.check(key)).toBeDefined();
      pass(100);
    }
    expect(statements()).toBe(1);
    pass(100);
    await keys.check(key);
    expect(statements()).toBe(2);
  });

  it('that was revoked is refused within five seconds, though its notice was lost', async () => {
    const { keys, give, revokeAll, pass } = world();
    const key = give();
    await keys.check(key);
    revokeAll();
    pass(3_999);
    expect(await keys.check(key)).toBeDefined();
    pass(1);
    expect(await keys.check(key)).toBeUndefined();
  });

  it('that was revoked is refused at once when the notice has come', async () => {
    const { keys, give, revokeAll } = world();
    const key = give();
    await keys.check(key);
    revokeAll();
    keys.forget();
    expect(await keys.check(key)).toBeUndefined();
  });

  it('is asked about again when a notice came during its look-up: the answer may be from before', async () => {
    const { keys, give, revokeAll, hold, statements } = world();
    const key = give();
    const release = hold();
    const first = keys.check(key);
    revokeAll();
    keys.forget();
    release();
    expect(await first).toBeDefined();
    expect(await keys.check(key)).toBeUndefined();
    expect(statements()).toBe(2);
  });

  it('ends when it expires, also between two look-ups', async () => {
    const { keys, give, pass } = world();
    const key = give({ expiresInMs: 1_500 });
    expect(await keys.check(key)).toBeDefined();
    pass(1_499);
    expect(await keys.check(key)).toBeDefined();
    pass(1);
    expect(await keys.check(key)).toBeUndefined();
  });
});

describe('A key that nobody has', () => {
  it('is refused without a statement when it has not the form of one', async () => {
    const { keys, statements } = world();
    for (const text of ['', 'x', adminKey.slice(1), `${adminKey}x`, 'mf_abcd0123_short']) {
      expect(await keys.check(text)).toBeUndefined();
    }
    expect(statements()).toBe(0);
  });

  it('costs one statement in five seconds', async () => {
    const { keys, statements, pass } = world();
    const { key } = makeKey(randomBytes);
    for (let n = 0; n < 50; n += 1) {
      expect(await keys.check(key)).toBeUndefined();
      pass(100);
    }
    expect(statements()).toBe(1);
  });

  it('waits with all others for one statement at a time', async () => {
    const { keys, statements, hashesAsked, hold } = world();
    const release = hold();
    const answers = Array.from({ length: 5_000 }, () => keys.check(makeKey(randomBytes).key));
    release();
    expect(new Set(await Promise.all(answers))).toEqual(new Set([undefined]));
    expect(hashesAsked()).toBe(5_000);
    expect(statements()).toBeLessThanOrEqual(6);
  });

  it('is not even looked up where only known ones are let through', async () => {
    const { keys, give, statements } = world();
    const known = give();
    await keys.check(known);
    const strict = { onlyKnown: true };
    expect(await keys.check(give(), strict)).toBe('blocked');
    expect(await keys.check('nonsense', strict)).toBe('blocked');
    expect(statements()).toBe(1);
    expect(await keys.check(known, strict)).toMatchObject({ accountId: 'acme' });
    expect(await keys.check(adminKey, strict)).toMatchObject({ accountId: 'admin' });
  });
});

describe('While Postgres is away', () => {
  it('a key that was valid goes on for a minute, and then is told to come again', async () => {
    const { keys, give, away, pass } = world();
    const key = give();
    await keys.check(key);
    away(true);
    pass(59_999);
    expect(await keys.check(key)).toMatchObject({ keyId: 'key_1' });
    pass(1);
    await expect(keys.check(key)).rejects.toBeInstanceOf(InfrastructureError);
  });

  it('it goes on although the ear at Postgres was lost with it', async () => {
    const { keys, give, away } = world();
    const key = give();
    await keys.check(key);
    away(true);
    keys.forget();
    expect(await keys.check(key)).toMatchObject({ keyId: 'key_1' });
  });

  it('a key that expires ends all the same', async () => {
    const { keys, give, away, pass } = world();
    const key = give({ expiresInMs: 10_000 });
    await keys.check(key);
    away(true);
    pass(10_000);
    expect(await keys.check(key)).toBeUndefined();
  });

  it('a key that was never seen is told to come again, not that it is wrong', async () => {
    const { keys, give, away } = world();
    away(true);
    const key = give();
    await expect(keys.check(key)).rejects.toBeInstanceOf(InfrastructureError);
    away(false);
    expect(await keys.check(key)).toMatchObject({ keyId: 'key_1' });
  });

  it('a known key does not wait for a statement that hangs', async () => {
    const { keys, give, hold, pass } = world();
    const key = give();
    await keys.check(key);
    pass(5_000);
    const release = hold();
    expect(await keys.check(key)).toMatchObject({ keyId: 'key_1' });
    release();
  });

  it('revocation holds as soon as it is back', async () => {
    const { keys, give, away, revokeAll, pass } = world();
    const key = give();
    await keys.check(key);
    away(true);
    revokeAll();
    pass(30_000);
    expect(await keys.check(key)).toBeDefined();
    away(false);
    expect(await keys.check(key)).toBeUndefined();
    away(true);
    await expect(keys.check(key).then((caller) => caller ?? 'refused')).resolves.toBe('refused');
  });
});

it('Only the administrators’ account with the scope admin may act for the fleet', async () => {
  const { keys, give } = world();
  const callers: [string, Scope[], boolean][] = [
    ['admin', ['admin'], true],
    ['admin', ['send', 'read'], false],
    ['acme', ['send', 'read', 'admin', 'webhook-manage'], false],
  ];
  for (const [accountId, given, may] of callers) {
    const caller = await keys.check(give({ accountId, scopes: given }));
    expect(caller !== undefined && caller !== 'blocked' && isFleetAdmin(caller)).toBe(may);
  }
});

import { createKeyCheck } from '../../../../producers/ingress/check-key.ts';
import type { IngressContext } from '../../../../producers/ingress/http/ingress-context.ts';
import { createRateLimits } from '../../../../producers/ingress/rate-limits.ts';
import type { Scope } from '../../../../shared/contracts/accounts-api.ts';
import { findUsableKeys } from '../../../../shared/db/api-keys.ts';
import type { Pool } from '../../../../shared/db/connect.ts';
import { leaseRates } from '../../../../shared/db/rate-buckets.ts';
import { adminKey, withKey, type TestIngress } from './ingress.ts';

/** The guards of one process on real tables: limits are shared by all that stand on the same ones. */
export const realGuards = (pool: Pool): Pick<IngressContext, 'keys' | 'rateLimits'> => ({
  keys: createKeyCheck({
    adminKey,
    find: (hashes) => findUsableKeys(pool, hashes),
    onUse: () => undefined,
    now: Date.now,
  }),
  rateLimits: createRateLimits({
    lease: (asks) => leaseRates(pool, asks),
    now: Date.now,
    random: Math.random,
  }),
});

/** Asks as whoever holds a key; without one as the administrator. */
export const ask = (
  { app }: TestIngress,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  options: {
    readonly key?: string;
    readonly payload?: object;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
) =>
  app.inject({
    method,
    url,
    headers: {
      ...(options.key === undefined ? withKey : { authorization: `Bearer ${options.key}` }),
      ...options.headers,
    },
    ...(options.payload === undefined ? {} : { payload: options.payload }),
  });

/** Makes an account over HTTP. */
export const makeAccount = async (ingress: TestIngress, id: string, more: object = {}): Promise<void> => {
  const payload = { id, name: id, senderDomains: [`${id}.example`], ...more };
  const answer = await ask(ingress, 'POST', '/v1/accounts', { payload });
  if (answer.statusCode !== 201) throw new Error(`no account: ${answer.body}`);
};

/** Makes a key over HTTP; answers its id and its text. */
export const makeKeyFor = async (
  ingress: TestIngress,
  accountId: string,
  scopes: readonly Scope[],
  more: object = {},
): Promise<{ readonly id: string; readonly key: string }> => {
  const payload = { name: 'test', accountId, scopes, ...more };
  const answer = await ask(ingress, 'POST', '/v1/api-keys', { payload });
  if (answer.statusCode !== 201) throw new Error(`no key: ${answer.body}`);
  return answer.json<{ id: string; key: string }>();
};

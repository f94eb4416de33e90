import type { FastifyContextConfig, FastifyRequest } from 'fastify';
import type { Scope } from '../../../shared/contracts/accounts-api.ts';
import type { Caller } from '../check-key.ts';

/** What a route asks of its caller: nothing, or a key with a scope. */
export type Access = 'open' | KeyAccess;
export interface KeyAccess {
  readonly scope: Scope;
  /** A key of any account; one of the fleet's own account; or of that, and with the scope `admin` as well. */
  readonly of: 'any account' | "the fleet's account" | 'the fleet';
  /** With AUTH_OPEN=1 it answers without a key, as in the system it comes from. */
  readonly isSeed?: boolean;
  /** It also takes keys of the task queue's sign-up, raw or as Bearer. */
  readonly takesSignUps?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    caller: Caller | null;
  }
  interface FastifyInstance {
    /** What each route asks, by its method and path. */
    accessOf: ReadonlyMap<string, Access>;
  }
}

/** For a route's `config`: whoever asks is answered. */
export const open: FastifyContextConfig = { access: 'open' };

/** For a route's `config`: a key with this scope; `the fleet`: and it is one of the administrators of the fleet. */
export const needs = (scope: Scope, of: KeyAccess['of'] = 'any account'): FastifyContextConfig => ({
  access: { scope, of },
});

/** For the `config` of a route that existing clients call without a key: the same, but with AUTH_OPEN=1 no key is asked. */
export const seedRoute = (scope: Scope, of: KeyAccess['of'] = 'any account'): FastifyContextConfig => ({
  access: { scope, of, isSeed: true },
});

/** For the `config` of the task queue's routes: its own keys or an account's, raw or as Bearer; none with AUTH_OPEN=1. */
export const taskRoute = (scope: Scope): FastifyContextConfig => ({
  access: { scope, of: 'any account', isSeed: true, takesSignUps: true },
});

/** The caller of a route that needs one. */
export const callerOf = (request: FastifyRequest): Caller => {
  if (request.caller === null) throw new TypeError('a route that is open asked who its caller is');
  return request.caller;
};

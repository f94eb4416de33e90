import type { FastifyRequest } from 'fastify';
import { isLoopbackHeader } from '../../../shared/domain/loopback.ts';
import { admitCaller, type Guards } from '../admit.ts';
import { fleetAdmin, type Caller, type KeyCheck } from '../check-key.ts';
import { looksLikeToken, type SignUpKeys } from '../sign-up-keys.ts';
import type { KeyAccess } from './access.ts';

export interface HttpGuards extends Guards {
  /** AUTH_OPEN: the seeds' routes need no key. Only ever true on a loopback host. */
  readonly isOpen: boolean;
  /** Checks keys of the task queue's sign-up; undefined where the fleet has no secret to sign them with. */
  readonly signUpKeys?: SignUpKeys | undefined;
}

/** Whether a seed's route answers this request without a key. */
export const isOpenTo = (request: FastifyRequest, { isOpen }: Pick<HttpGuards, 'isOpen'>): boolean =>
  // A page of somebody else's that got its name to point here (DNS rebinding) still calls by that name.
  isOpen && isLoopbackHeader(request.headers.host);

/** The key of a request: as Bearer, or raw where clients send it so. */
export const keyOf = (request: FastifyRequest, isRawTaken: boolean): string | undefined =>
  (isRawTaken ? /^(?:Bearer +)?(\S+)$/i : /^Bearer +(\S+)$/i).exec(request.headers.authorization ?? '')?.[1];

/** What a door is told of who asks. */
export const askingOf = (request: FastifyRequest, isRawTaken: boolean) => ({
  key: keyOf(request, isRawTaken),
  address: request.ip,
  onUncounted: (error: unknown) => {
    request.log.error({ err: error }, 'a request without a valid key could not be counted');
  },
});

const withSignUps = (keys: KeyCheck, signUps: SignUpKeys): KeyCheck => ({
  ...keys,
  check: async (key, options) => {
    if (!looksLikeToken(key)) return keys.check(key, options);
    return (await signUps.check(key)) ?? (options?.onlyKnown === true ? 'blocked' : undefined);
  },
});

/** `admitCaller` for the key of a request's Authorization header. */
export const admit = (request: FastifyRequest, access: KeyAccess, guards: HttpGuards): Promise<Caller> => {
  if (access.isSeed === true && isOpenTo(request, guards)) return Promise.resolve(fleetAdmin);
  const takesSignUps = access.takesSignUps === true;
  const { signUpKeys, keys } = guards;
  const ownGuards = takesSignUps && signUpKeys ? { ...guards, keys: withSignUps(keys, signUpKeys) } : guards;
  return admitCaller(askingOf(request, takesSignUps), access, ownGuards);
};

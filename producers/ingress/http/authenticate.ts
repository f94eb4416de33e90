import type { FastifyRequest } from 'fastify';
import { isLoopbackHeader } from '../../../shared/domain/loopback.ts';
import { admitCaller, type Guards } from '../admit.ts';
import { fleetAdmin, type Caller } from '../check-key.ts';
import type { KeyAccess } from './access.ts';

export interface HttpGuards extends Guards {
  /** AUTH_OPEN: the seeds' routes need no key. Only ever true on a loopback host. */
  readonly isOpen: boolean;
}

// A page of somebody else's that got its name to point here (DNS rebinding) still calls by that name.
const isOpenTo = (request: FastifyRequest, access: KeyAccess, guards: HttpGuards): boolean =>
  guards.isOpen && access.isSeed === true && isLoopbackHeader(request.headers.host);

/** `admitCaller` for the key of a request's Authorization header. */
export const admit = (request: FastifyRequest, access: KeyAccess, guards: HttpGuards): Promise<Caller> =>
  isOpenTo(request, access, guards)
    ? Promise.resolve(fleetAdmin)
    : admitCaller(
        {
          key: /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1],
          address: request.ip,
          onUncounted: (error) => {
            request.log.error({ err: error }, 'a request without a valid key could not be counted');
          },
        },
        access,
        guards,
      );

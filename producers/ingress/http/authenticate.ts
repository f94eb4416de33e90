import type { FastifyRequest } from 'fastify';
import { admitCaller, type Guards } from '../admit.ts';
import type { Caller } from '../check-key.ts';
import type { KeyAccess } from './access.ts';

/** `admitCaller` for the key of a request's Authorization header. */
export const admit = (request: FastifyRequest, access: KeyAccess, guards: Guards): Promise<Caller> =>
  admitCaller(
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

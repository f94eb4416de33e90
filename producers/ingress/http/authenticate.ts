import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';

/** Who asks. */
export interface Caller {
  readonly accountId: string;
  readonly isAdmin: boolean;
}

/** The caller again, if an admin; anybody else is answered 403. */
export const requireAdmin = (caller: Caller): Caller => {
  if (caller.isAdmin) return caller;
  throw new HttpProblem(403, 'Not allowed', { detail: 'This needs the key of an admin.' });
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Checks `Authorization: Bearer <key>` in constant time. Answers the caller; throws a 401 problem that says nothing
 * about what was wrong.
 */
export const createAuthenticate = (adminKey: string): ((request: FastifyRequest) => Caller) => {
  const expected = digest(adminKey);
  return (request) => {
    const key = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // Digests have one length, so the comparison tells nothing about the key's.
    if (key === undefined || !timingSafeEqual(digest(key), expected)) {
      throw new HttpProblem(401, 'Not authenticated', {
        detail: 'Send a valid key as Authorization: Bearer <key>.',
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    return { accountId: 'admin', isAdmin: true };
  };
};

import { z } from 'zod';
import { bareAddressText } from '../../../../shared/contracts/address-text.ts';
import { erasureAnswer } from '../../../../shared/contracts/erasure-api.ts';
import { beginErasure, loadErasure, type Erasure } from '../../../../shared/db/erase-recipient.ts';
import { parseAddress } from '../../../../shared/domain/email-address.ts';
import { isFleetAdmin } from '../../check-key.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const faults = {
  400: problemSchema,
  401: problemSchema,
  403: problemSchema,
  404: problemSchema,
  422: problemSchema,
  503: problemSchema,
};

const answerOf = ({ id, messages, copies, deadLetters, requestedAt, doneAt }: Erasure) => ({
  id,
  status: doneAt === null ? ('running' as const) : ('done' as const),
  ...{ messages, copies, deadLetters },
  requestedAt: requestedAt.toISOString(),
  doneAt: doneAt?.toISOString() ?? null,
});

/** `DELETE /v1/recipients/:email` erases one recipient; `GET /v1/erasures/:id` tells how far that is. */
export const recipientRoutes = (app: RouteApp, context: IngressContext): void => {
  const { pool, blobs, topics } = context;

  app.delete(
    '/v1/recipients/:email',
    {
      config: needs('admin'),
      schema: {
        tags: ['messages'],
        operationId: 'eraseRecipient',
        summary: 'Erase one recipient: address, name and variables in messages, copies and dead letters',
        description:
          'Mail that still waits is cancelled. Counts and states stay. An admin of the fleet erases the mail of all accounts. What lies on topics ends with their retention, seven days at most.',
        security: withKey,
        params: z.object({ email: bareAddressText }),
        response: { 202: erasureAnswer, ...faults },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const address = parseAddress(request.params.email);
      if (address === undefined) {
        throw new HttpProblem(422, 'The request cannot be processed', {
          errors: [{ pointer: '/params/email', detail: 'is not one valid email address' }],
        });
      }
      const { contentRefs, ...erasure } = await beginErasure(
        pool,
        {
          accountId: isFleetAdmin(caller) ? undefined : caller.accountId,
          email: address.email,
          requestedBy: caller.accountId,
        },
        topics.outcomes.name,
      );
      for (const contentRef of contentRefs) await blobs.remove(contentRef);
      return reply.status(202).header('location', `/v1/erasures/${erasure.id}`).send(answerOf(erasure));
    },
  );

  app.get(
    '/v1/erasures/:id',
    {
      config: needs('admin'),
      schema: {
        tags: ['messages'],
        operationId: 'getErasure',
        summary: 'How far an erasure is',
        security: withKey,
        params: z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
        response: { 200: erasureAnswer, ...faults },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const erasure = await loadErasure(pool, request.params.id, isFleetAdmin(caller) ? undefined : caller.accountId);
      if (erasure === undefined) throw notFound('erasure');
      return answerOf(erasure);
    },
  );
};

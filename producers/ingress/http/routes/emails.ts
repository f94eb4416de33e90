import { z } from 'zod';
import { acceptedAnswer, requestAnswer } from '../../../../shared/contracts/api.ts';
import { hidden } from '../../../../shared/contracts/api-parts.ts';
import { emailRequest } from '../../../../shared/contracts/email.ts';
import { storableText } from '../../../../shared/contracts/text.ts';
import { submitEmail } from '../../submit-email.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { problemSchema } from '../problem.ts';
import { requestStatus } from '../request-status.ts';
import { withKey, type RouteApp } from '../route-app.ts';

// Told of in words: whoever makes requests from the document would send other bodies under one key, which is refused.
// HTTP drops blanks around a value, and what is not ASCII means something else to every client (RFC 9110 §5.5).
const idempotencyKey = z
  .string()
  .regex(/^[!-~](?:[ -~]{0,254}[!-~])?$/, { error: 'must be 1 to 256 printable ASCII characters' })
  .meta(hidden);

/** `POST /v1/emails` and what became of it. */
export const emailRoutes = (app: RouteApp, context: IngressContext): void => {
  app.post(
    '/v1/emails',
    {
      config: needs('send'),
      bodyLimit: Math.floor((context.maxMessageBytes * 4) / 3) + 10_485_760,
      schema: {
        tags: ['emails'],
        operationId: 'sendEmail',
        summary: 'Send one content to one or many recipients',
        description:
          'Answers 202 once Kafka has the request on all replicas. With a header Idempotency-Key (1 to 256 printable ASCII characters) a repeat within 24 hours is answered like the first and sends nothing; the same key with another body is a 422, while the first is under way a 409.',
        security: withKey,
        headers: z.object({ 'idempotency-key': idempotencyKey.optional() }),
        body: emailRequest,
        response: {
          202: acceptedAnswer,
          400: problemSchema,
          401: problemSchema,
          404: problemSchema,
          409: problemSchema,
          413: problemSchema,
          422: problemSchema,
          503: problemSchema,
        },
      },
    },
    async (request, reply) => {
      const { requestId, messages, isReplay } = await submitEmail(context, callerOf(request), request.body, {
        idempotencyKey: request.headers['idempotency-key'],
      });
      if (isReplay) void reply.header('idempotent-replayed', 'true');
      return reply
        .status(202)
        .header('location', `/v1/emails/${encodeURIComponent(requestId)}`)
        .send({ id: requestId, accepted: messages.length, messages: [...messages] });
    },
  );

  app.get(
    '/v1/emails/:requestId',
    {
      config: needs('read'),
      schema: {
        tags: ['emails'],
        operationId: 'getEmail',
        summary: 'What became of a request',
        security: withKey,
        params: z.object({ requestId: storableText(128).min(1) }),
        response: { 200: requestAnswer, 401: problemSchema, 404: problemSchema, 422: problemSchema },
      },
    },
    (request) => requestStatus(context, callerOf(request).accountId, request.params.requestId),
  );
};

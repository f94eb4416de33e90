import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { sendgridErrors, sendgridMail } from '../../../../shared/contracts/sendgrid-mail.ts';
import { FleetError } from '../../../../shared/errors.ts';
import { Refusal, type RefusalKind } from '../../refusal.ts';
import { checkTogether, submitTogether } from '../../submit-email.ts';
import { callerOf, needs } from '../access.ts';
import { foreignStatus } from '../foreign-status.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem } from '../problem.ts';
import { isSandboxed, readSendgridMail, type SendgridFault } from '../read-sendgrid-mail.ts';
import { withKey, type RouteApp } from '../route-app.ts';

interface SendgridError {
  readonly message: string;
  readonly field: string | null;
  readonly help: string | null;
}
const errorOf = (message: string, field: string | null = null): SendgridError => ({ message, field, help: null });

// The words that SendGrid's clients and their users know.
const sentences: Partial<Record<RefusalKind, string>> = {
  'not-authenticated': 'The provided authorization grant is invalid, expired, or revoked',
  'too-many': 'too many requests',
};

// A pointer into the request that it became → a field of SendGrid's body.
const fieldOf = (pointer: string): string | null => {
  const [, first, ...rest] = pointer.split('/');
  if (first === 'from') return 'from.email';
  if (first === 'text' || first === 'html') return 'content';
  if (first === 'recipients') return 'personalizations';
  if (first === 'template') return 'template_id';
  return first === undefined ? null : [first, ...rest].join('.');
};

const issuesOf = (error: FastifyError): SendgridError[] =>
  (error.validation ?? [])
    .slice(0, 100)
    .map((issue) =>
      errorOf(issue.message ?? 'is not valid', issue.instancePath.split('/').filter(Boolean).join('.') || null),
    );

const answerOf = (error: FastifyError): { readonly status: number; readonly errors: readonly SendgridError[] } => {
  if (hasZodFastifySchemaValidationErrors(error)) return { status: 400, errors: issuesOf(error) };
  if (error instanceof Refusal) {
    const errors = error.errors.map(({ pointer, detail }) => errorOf(detail, fieldOf(pointer)));
    const status = foreignStatus[error.kind];
    return { status, errors: errors.length > 0 ? errors : [errorOf(sentences[error.kind] ?? error.message)] };
  }
  if (error instanceof FleetError && error.retryable) return { status: 503, errors: [errorOf('Service unavailable')] };
  if (error instanceof HttpProblem) {
    const { status, detail, title } = error.problem;
    return { status, errors: [errorOf(detail ?? title)] };
  }
  const status = error.statusCode ?? 500;
  return status < 500
    ? { status, errors: [errorOf(status === 400 ? 'Bad Request' : error.message)] }
    : { status: 500, errors: [errorOf('An unexpected fault; it was noted.')] };
};

const answerError = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
  const { status, errors } = answerOf(error);
  if (status === 500) request.log.error({ err: error, requestId: request.id }, 'a request failed');
  const retryAfterMs = error instanceof Refusal ? error.retryAfterMs : undefined;
  if (retryAfterMs !== undefined) {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
    void reply.headers({
      'retry-after': String(seconds),
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(Math.ceil(Date.now() / 1_000) + seconds),
    });
  }
  if (status === 503) void reply.header('retry-after', '1');
  void reply.status(status).send({ errors });
};

// An answer without a body; of JSON, nothing would be the word null.
const noBody = z.null();
const nothing = (): string => '';

const asRefused = (faults: readonly SendgridFault[]) => ({
  errors: faults.map(({ message, field }) => errorOf(message, field)),
});

/** `POST /v3/mail/send`: what SendGrid's official clients send. They change nothing but their base URL and key. */
export const sendgridRoutes = (app: RouteApp, context: IngressContext): void => {
  app.post(
    '/v3/mail/send',
    {
      config: needs('send'),
      bodyLimit: Math.floor((context.maxMessageBytes * 4) / 3) + 10_485_760,
      errorHandler: answerError,
      schema: {
        // Described by SendGrid; what of it is carried out stands in docs/doors.md.
        hide: true,
        tags: ['drop-in'],
        operationId: 'sendgridMailSend',
        summary: 'SendGrid’s mail/send',
        description: '`X-Message-Id` is the id for `GET /v1/emails/:id`. Sandbox mode checks and answers 200.',
        security: withKey,
        body: sendgridMail,
        response: {
          200: noBody,
          202: noBody,
          400: sendgridErrors,
          401: sendgridErrors,
          403: sendgridErrors,
          413: sendgridErrors,
          429: sendgridErrors,
          503: sendgridErrors,
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const read = readSendgridMail(request.body);
      if (!read.ok) return reply.status(400).send(asRefused(read.faults));
      if (isSandboxed(request.body)) {
        await checkTogether(context, caller, read.requests);
        return reply.status(200).serializer(nothing).send(null);
      }
      const [first] = await submitTogether(context, caller, read.requests);
      return reply.status(202).header('x-message-id', first.requestId).serializer(nothing).send(null);
    },
  );
};

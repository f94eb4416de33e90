import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { sendForm, sendFormAnswer, sendFormErrors } from '../../../../shared/contracts/send-form.ts';
import { FleetError } from '../../../../shared/errors.ts';
import { Refusal } from '../../refusal.ts';
import { submitEmail } from '../../submit-email.ts';
import { callerOf, seedRoute } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { answerProblem } from '../problem.ts';
import { readAnyAsJson } from '../read-any-as-json.ts';
import { readSendForm } from '../read-send-form.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const maxBodyBytes = 204_800;
const malformed = { errors: { base: 'Could not decode JSON body' } };

// The fields of the request that it became, as the form calls them.
const fieldOf = (pointer: string): string => {
  if (pointer.startsWith('/from')) return 'fromEmail';
  if (pointer.startsWith('/recipients')) return 'toEmail';
  return 'base';
};

const answerError = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  if (error instanceof Refusal && error.kind === 'invalid') {
    const errors = error.errors.map(({ pointer, detail }) => [fieldOf(pointer), detail] as const);
    return reply.status(422).send({ errors: Object.fromEntries(errors) });
  }
  if (error instanceof FleetError && error.retryable) {
    return reply
      .status(503)
      .header('retry-after', '1')
      .send({ errors: { base: 'Service unavailable' } });
  }
  const problem = 'problem' in error ? error.problem : undefined;
  const status =
    typeof problem === 'object' && problem !== null && 'status' in problem ? problem.status : error.statusCode;
  if (status === 400 || status === 413) return reply.status(400).send(malformed);
  return answerProblem(error, request, reply);
};

/** `POST /email/send`: the API of the send form, with its four answers. */
export const sendFormRoutes = (app: RouteApp, context: IngressContext): void => {
  readAnyAsJson(app);
  app.post(
    '/email/send',
    {
      config: seedRoute('send'),
      bodyLimit: maxBodyBytes,
      errorHandler: (error, request, reply) => {
        void answerError(error, request, reply);
      },
      // The form's own sentences are made by `readSendForm`; the schema tells the document what they ask.
      validatorCompiler: () => (value: unknown) => ({ value }),
      schema: {
        tags: ['seeds'],
        operationId: 'sendForm',
        summary: 'Send one mail of plain text (the send form’s API)',
        security: withKey,
        body: sendForm,
        response: { 200: sendFormAnswer, 400: sendFormErrors, 422: sendFormErrors, 503: sendFormErrors },
      },
    },
    async (request, reply) => {
      const read = readSendForm(request.body);
      if (read.kind === 'malformed') return reply.status(400).send(malformed);
      if (read.kind === 'invalid') return reply.status(422).send({ errors: read.errors });
      const { messages } = await submitEmail(context, callerOf(request), read.request);
      return reply.status(200).send({ messageId: messages[0]?.id ?? '' });
    },
  );
};

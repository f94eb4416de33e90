import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { FleetError } from '../../../shared/errors.ts';
import { Refusal, type RefusalKind } from '../refusal.ts';

/** RFC 9457. `errors` points into the request (RFC 6901) where a part of it is to blame. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

/** Thrown by a route to answer with a problem document. */
export class HttpProblem extends Error {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    title: string,
    options: {
      readonly detail?: string;
      readonly errors?: Problem['errors'];
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(title);
    this.problem = {
      type: 'about:blank',
      title,
      status,
      ...(options.detail === undefined ? {} : { detail: options.detail }),
      ...(options.errors === undefined ? {} : { errors: options.errors }),
    };
    this.headers = options.headers ?? {};
  }
}

export const notFound = (what: string): HttpProblem =>
  new HttpProblem(404, 'Not found', { detail: `There is no such ${what}.` });

interface SchemaIssue {
  readonly instancePath: string;
  readonly message?: string;
  readonly keyword?: string;
  readonly params?: { readonly keys?: readonly string[] };
}

// A long list with the same fault everywhere is told of by its beginning.
const maxErrors = 100;

const unknownKeyword = 'unrecognized_keys';

const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

// An unknown property is pointed at itself, not at the object that holds it.
const pointersOf = (issue: SchemaIssue, context: string): { pointer: string; detail: string }[] => {
  const at = `${context}${issue.instancePath === '/' ? '' : issue.instancePath}`;
  if (issue.keyword === unknownKeyword && issue.params?.keys !== undefined) {
    return issue.params.keys.map((key) => ({
      pointer: `${at}/${escapePointer(key)}`,
      detail: 'is not a known property',
    }));
  }
  return [{ pointer: at, detail: issue.message ?? 'is not valid' }];
};

// 400: not JSON, or a property nobody knows; 422: any other fault of schema or rule.
const validationProblem = (error: FastifyError): HttpProblem => {
  const issues = (error.validation ?? []) as readonly SchemaIssue[];
  const context = error.validationContext === 'body' ? '' : `/${error.validationContext ?? ''}`;
  const errors = issues.flatMap((issue) => pointersOf(issue, context)).slice(0, maxErrors);
  return issues.some((issue) => issue.keyword === unknownKeyword)
    ? new HttpProblem(400, 'Unknown property', { errors })
    : new HttpProblem(422, 'The request cannot be processed', { errors });
};

const titles: Readonly<Record<number, string>> = {
  400: 'Malformed request',
  404: 'Not found',
  405: 'Method not allowed',
  413: 'Too large',
  414: 'Too long',
  415: 'Unsupported media type',
  429: 'Too many requests',
};

const retryAfter = (ms: number): Readonly<Record<string, string>> => ({
  'retry-after': String(Math.max(1, Math.ceil(ms / 1_000))),
});

const refusals: Readonly<Record<RefusalKind, readonly [status: number, title: string]>> = {
  invalid: [422, 'The request cannot be processed'],
  'too-large': [413, 'Too large'],
  'in-flight': [409, 'In flight'],
  'too-many': [429, 'Too many requests'],
  'not-authenticated': [401, 'Not authenticated'],
  'not-allowed': [403, 'Not allowed'],
  'not-found': [404, 'Not found'],
};

const refusalProblem = ({ kind, message, errors, retryAfterMs }: Refusal): HttpProblem => {
  const [status, title] = refusals[kind];
  return new HttpProblem(status, title, {
    ...(errors.length === 0 ? { detail: message } : { errors: [...errors] }),
    headers: {
      ...(retryAfterMs === undefined ? {} : retryAfter(retryAfterMs)),
      ...(kind === 'not-authenticated' ? { 'www-authenticate': 'Bearer' } : {}),
    },
  });
};

const asProblem = (error: FastifyError | HttpProblem | Error): HttpProblem => {
  if (error instanceof HttpProblem) return error;
  if (error instanceof Refusal) return refusalProblem(error);
  if (hasZodFastifySchemaValidationErrors(error)) return validationProblem(error);
  if (error instanceof FleetError && error.retryable) {
    return new HttpProblem(503, 'Not available now', {
      // What Kafka did not confirm in time may still arrive; only a key makes the repeat harmless.
      detail:
        error.code === 'kafka-away'
          ? 'Kafka did not confirm it in time. Send it again; with an Idempotency-Key it cannot be sent twice.'
          : 'Nothing was accepted. Send it again after a short while.',
      headers: { 'retry-after': '1' },
    });
  }
  if (error instanceof FleetError && error.code === 'record-too-large')
    return new HttpProblem(413, 'Too large', { detail: 'Kafka does not take a record of this size.' });
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  if (status >= 400 && status < 500)
    return new HttpProblem(status, titles[status] ?? 'Bad request', { detail: error.message });
  return new HttpProblem(500, 'Unexpected fault', {
    detail: 'The fault was noted under the request id of this answer.',
  });
};

const send = (reply: FastifyReply, { problem, headers }: HttpProblem): FastifyReply =>
  reply.status(problem.status).headers(headers).type('application/problem+json').send(JSON.stringify(problem));

/** Every error of every route becomes a problem document; what nobody expected is logged and told nothing about. */
export const answerProblem = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const problem = asProblem(error);
  if (problem.problem.status >= 500) request.log.error({ err: error, requestId: request.id }, 'a request failed');
  return send(reply, problem);
};

export const answerUnknownRoute = (_request: FastifyRequest, reply: FastifyReply): FastifyReply =>
  send(reply, notFound('route'));

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { FleetError } from '../../../shared/errors.ts';
import { Refusal } from '../refusal.ts';
import { KeyPending } from '../sign-up-keys.ts';
import { foreignStatus } from './foreign-status.ts';
import { HttpProblem } from './problem.ts';

interface Fault {
  readonly status: number;
  readonly error: string;
  readonly msg?: string;
  readonly retryAfterMs?: number | undefined;
}

const faultOf = (error: FastifyError | Error): Fault => {
  if (error instanceof KeyPending) return { status: 403, error: 'key_pending', msg: error.message };
  if (error instanceof Refusal) {
    return { status: foreignStatus[error.kind], error: error.message, retryAfterMs: error.retryAfterMs };
  }
  if (error instanceof FleetError && error.retryable)
    return { status: 503, error: 'Not available now. Send it again after a short while.', retryAfterMs: 1_000 };
  const status =
    error instanceof HttpProblem
      ? error.problem.status
      : 'statusCode' in error && typeof error.statusCode === 'number'
        ? error.statusCode
        : 500;
  if (status >= 500) return { status: 500, error: 'Internal Server Error' };
  return { status, error: status === 400 ? 'INVALID FORMAT' : error.message };
};

/** Every fault of the task queue's routes in the shape that its clients know: `{ status: false, error }`. */
export const answerTaskFault = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply => {
  const { status, retryAfterMs, ...body } = faultOf(error);
  if (status >= 500) request.log.error({ err: error, requestId: request.id }, 'a request failed');
  if (retryAfterMs !== undefined)
    void reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  return reply.status(status).send({ status: false, ...body });
};

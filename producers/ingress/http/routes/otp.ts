import { z } from 'zod';
import {
  codeCountsAnswer,
  codeGuess,
  codeGuessAnswer,
  newCodeRequest,
  sentCodeAnswer,
} from '../../../../shared/contracts/otp-api.ts';
import { countCodes } from '../../../../shared/db/one-time-codes.ts';
import { sendCode, verifyCode } from '../../one-time-codes.ts';
import { Refusal } from '../../refusal.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

/** One-time codes: asking for one, and guessing it. */
export const otpRoutes = (app: RouteApp, context: IngressContext): void => {
  app.post(
    '/v1/otp',
    {
      config: needs('send'),
      schema: {
        tags: ['one-time codes'],
        operationId: 'sendCode',
        summary: 'Mail a one-time code',
        description:
          'A new code ends the one before. 429 when the address was sent a code too short a while ago, or too many within an hour.',
        security: withKey,
        body: newCodeRequest,
        response: { 202: sentCodeAnswer },
      },
    },
    async (request, reply) => {
      const { id, expiresAt, code } = await sendCode(context, callerOf(request), request.body);
      return reply
        .status(202)
        .send({ id, expiresAt: expiresAt.toISOString(), ...(code === undefined ? {} : { code }) });
    },
  );

  app.post(
    '/v1/otp/verify',
    {
      config: needs('send'),
      schema: {
        tags: ['one-time codes'],
        operationId: 'verifyCode',
        summary: 'Check a one-time code',
        description:
          'A right code is used up. After five wrong guesses (three for codes of four or five digits) the answer is 429 until a new code is sent.',
        security: withKey,
        body: codeGuess,
        response: { 200: codeGuessAnswer },
      },
    },
    async (request) => {
      const verified = await verifyCode(context, callerOf(request), request.body);
      if (verified.result === 'spent') {
        throw new Refusal('too-many', 'There were too many wrong guesses; ask for a new code.', {
          retryAfterMs: verified.retryAfterMs,
        });
      }
      return { verified: verified.result === 'right' };
    },
  );

  app.get(
    '/v1/otp/counts',
    {
      config: needs('read'),
      schema: {
        tags: ['one-time codes'],
        operationId: 'countCodes',
        summary: 'How many codes were made, verified and never used',
        security: withKey,
        querystring: z.strictObject({ days: z.coerce.number().int().min(1).max(366).default(30) }),
        response: { 200: codeCountsAnswer, 400: problemSchema },
      },
    },
    async (request) => {
      const { days } = request.query;
      return { days, ...(await countCodes(context.pool, callerOf(request).accountId, days)) };
    },
  );
};

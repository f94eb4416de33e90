import { z } from 'zod';
import { requestAnswer } from '../../../../shared/contracts/api.ts';
import { moment, storableText, utc } from '../../../../shared/contracts/text.ts';
import { orderRequest, type Command } from '../../../../shared/db/request-orders.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, problemSchema } from '../problem.ts';
import { mustOwn, requestStatus } from '../request-status.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const params = z.object({ requestId: storableText(128).min(1) });
const response = { 200: requestAnswer, 404: problemSchema, 409: problemSchema };

const operations = {
  cancel: ['cancelEmail', 'Cancel what nobody has claimed yet; what is on its way goes on'],
  pause: ['pauseEmail', 'Let what nobody has claimed yet wait until the request is resumed'],
  resume: ['resumeEmail', 'Let a paused request go on'],
} as const;

/** What to send when, moved. */
export const emailChange = z.strictObject({ sendAt: moment }).meta({ example: { sendAt: '2027-01-01T09:00:00Z' } });

/** `POST /v1/emails/:requestId/cancel`, `pause`, `resume`, and `PATCH /v1/emails/:requestId`. */
export const requestOrderRoutes = (app: RouteApp, context: IngressContext): void => {
  const order = async (accountId: string, requestId: string, command: Command) => {
    await mustOwn(context, accountId, requestId);
    if (
      (await orderRequest(context.pool, { accountId, requestId }, command, context.topics.outcomes.name)) === 'over'
    ) {
      throw new HttpProblem(409, 'Too late', {
        detail: 'The request is done, or all of it is on its way: nothing of it can be changed any more.',
      });
    }
    return requestStatus(context, accountId, requestId);
  };

  for (const command of ['cancel', 'pause', 'resume'] as const) {
    const [operationId, summary] = operations[command];
    app.post(
      `/v1/emails/:requestId/${command}`,
      {
        config: needs('send'),
        schema: {
          tags: ['emails'],
          operationId,
          summary,
          description: 'A second time changes nothing. 409 when the request is done.',
          security: withKey,
          params,
          response,
        },
      },
      (request) => order(callerOf(request).accountId, request.params.requestId, command),
    );
  }

  app.patch(
    '/v1/emails/:requestId',
    {
      config: needs('send'),
      schema: {
        tags: ['emails'],
        operationId: 'moveEmail',
        summary: 'Send at another time',
        description:
          'Moves what nobody has tried yet; of a paced request, its next batch. 409 when nothing is left to move.',
        security: withKey,
        params,
        body: emailChange,
        response,
      },
    },
    (request) =>
      order(callerOf(request).accountId, request.params.requestId, {
        sendAt: utc(request.body.sendAt) ?? request.body.sendAt,
      }),
  );
};

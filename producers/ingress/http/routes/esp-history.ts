import { z } from 'zod';
import { espNameText } from '../../../../shared/contracts/esp-name.ts';
import { moment } from '../../../../shared/contracts/text.ts';
import { historyAnswer } from '../../../../shared/contracts/routing-api.ts';
import { readAudit } from '../../../../shared/db/esp-controls.ts';
import { outcomeHistory } from '../../../../shared/db/outcome-history.ts';
import { weightHistory } from '../../../../shared/db/weight-decisions.ts';
import { isFleetAdmin } from '../../check-key.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const daySeconds = 86_400;
const hourSeconds = 3_600;
const usualPoints = 300;
const mostPoints = 1_000;
const auditLimit = 100;

/** `GET /v1/esps/:esp/history`: an ESP's weight, outcomes and changes over time, for a chart. */
export const espHistoryRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/v1/esps/:esp/history',
    {
      config: needs('read'),
      schema: {
        tags: ['routing'],
        operationId: 'getEspHistory',
        summary: "An ESP's weight and outcomes over time, and who changed what about it",
        security: withKey,
        params: z.object({ esp: espNameText }),
        querystring: z.strictObject({
          since: moment.optional().meta({ description: 'A day ago, unless given.' }),
          step: z.coerce
            .number()
            .int()
            .min(1)
            .max(31 * daySeconds)
            .optional()
            .meta({
              description:
                'Seconds; unless given, such that about 300 points come. Made larger where more than 1,000 would come.',
            }),
        }),
        response: {
          200: historyAnswer,
          400: problemSchema,
          401: problemSchema,
          404: problemSchema,
          422: problemSchema,
        },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { accountId } = caller;
      const { esp } = request.params;
      if (!context.esps.some(({ name }) => name === esp)) throw notFound('ESP');
      const now = Date.now();
      const since = new Date(request.query.since ?? now - daySeconds * 1_000);
      const spanSeconds = Math.max(1, (now - since.getTime()) / 1_000);
      const wanted = request.query.step ?? Math.ceil(spanSeconds / usualPoints);
      const step = Math.max(wanted, Math.ceil(spanSeconds / mostPoints));
      const outcomeStep = hourSeconds * Math.max(1, Math.ceil(spanSeconds / hourSeconds / usualPoints));
      const [weights, outcomes, audit] = await Promise.all([
        weightHistory(context.pool, accountId, since, step),
        outcomeHistory(context.pool, { accountId, esp }, since, outcomeStep),
        // Who runs the fleet, and their reasons, are no other account's business.
        isFleetAdmin(caller) ? readAudit(context.pool, esp, auditLimit) : [],
      ]);
      return {
        esp,
        since: since.toISOString(),
        step,
        data: weights.map((point) => {
          const allowance = point.allowances?.[esp];
          return {
            at: point.at.toISOString(),
            weight: point.weights[esp] ?? 0,
            ...(allowance === undefined ? {} : { allowance }),
            policy: point.policy,
            reason: point.reason,
          };
        }),
        outcomeStep,
        outcomes: outcomes.map((point) => ({ ...point, at: point.at.toISOString() })),
        audit: audit.map((change) => ({ ...change, at: change.at.toISOString() })),
      };
    },
  );
};

import { z } from 'zod';
import { weightsAnswer } from '../../../../shared/contracts/api.ts';
import { decideStanding } from '../../../../shared/db/decide-weights.ts';
import { loadHealth } from '../../../../shared/db/esp-health.ts';
import { evidenceOf30Days } from '../../../../shared/db/statistics.ts';
import { latestDecision } from '../../../../shared/db/weight-decisions.ts';
import { mailboxProviders } from '../../../../shared/domain/mailbox-provider.ts';
import { noEvidence, weighEsps } from '../../../../shared/domain/weigh-esps.ts';
import type { IngressContext } from '../ingress-context.ts';
import { notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

/** `GET /v1/weights`: the weights that the next request would follow, and the numbers behind them. */
export const weightRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/v1/weights',
    {
      schema: {
        tags: ['routing'],
        summary: 'Weights of the ESPs and the evidence behind them',
        security: withKey,
        querystring: z.strictObject({
          batchId: z.string().min(1).max(128).optional(),
          mailboxProvider: z.enum(mailboxProviders).optional(),
        }),
        response: { 200: weightsAnswer, 401: problemSchema, 404: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = context.authenticate(request);
      const { batchId, mailboxProvider } = request.query;
      const decision =
        batchId === undefined
          ? ((await latestDecision(context.pool, accountId, '')) ??
            (await context.pool.transaction((db) => decideStanding(db, accountId, context.weighing))))
          : await latestDecision(context.pool, accountId, batchId);
      if (decision === undefined) throw notFound('batch');
      const evidence =
        mailboxProvider === undefined
          ? decision.evidence
          : await evidenceOf30Days(context.pool, accountId, mailboxProvider);
      const health = await loadHealth(context.pool);
      const esps = Object.keys(decision.weights).sort();
      const scores = weighEsps(
        context.weighing.policy,
        Object.fromEntries(esps.map((esp) => [esp, evidence[esp] ?? noEvidence])),
        new Set(),
      );
      return {
        window: decision.window,
        total: 1_000,
        policy: decision.policy,
        reason: decision.reason,
        decidedAt: decision.decidedAt.toISOString(),
        esps: esps.map((esp) => ({
          esp,
          weight: decision.weights[esp] ?? 0,
          score: scores.find((row) => row.esp === esp)?.score ?? 0,
          health: health.get(esp)?.state ?? 'healthy',
          ...(evidence[esp] ?? noEvidence),
        })),
      };
    },
  );
};

import { z } from 'zod';
import { weightsAnswer } from '../../../../shared/contracts/routing-api.ts';
import { storableText } from '../../../../shared/contracts/text.ts';
import { decideStanding } from '../../../../shared/db/decide-weights.ts';
import { loadEspStates } from '../../../../shared/db/esp-states.ts';
import { latestDecision } from '../../../../shared/db/weight-decisions.ts';
import { healthAt, newHealth } from '../../../../shared/domain/esp-health.ts';
import { noEvidence, type EspEvidence } from '../../../../shared/domain/evidence.ts';
import { mailboxProviders } from '../../../../shared/domain/mailbox-provider.ts';
import { meanScore } from '../../../../shared/domain/weigh-esps.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

// Decisions of an older version lack some of the counts.
const shown = (evidence: Partial<EspEvidence> | undefined): EspEvidence => {
  const all = { ...noEvidence, ...evidence };
  return { ...all, settled: Math.round(all.settled) };
};

/** `GET /v1/weights`: the weights that the next request would follow, and the numbers behind them. */
export const weightRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/v1/weights',
    {
      config: needs('read'),
      schema: {
        tags: ['routing'],
        operationId: 'getWeights',
        summary: 'Weights of the ESPs and the evidence behind them',
        security: withKey,
        querystring: z.strictObject({
          batchId: storableText(128).min(1).optional(),
          mailboxProvider: z.enum(mailboxProviders).optional(),
        }),
        response: { 200: weightsAnswer, 401: problemSchema, 404: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const { batchId, mailboxProvider } = request.query;
      const decision =
        batchId === undefined
          ? ((await latestDecision(context.pool, accountId, '')) ??
            (await context.pool.transaction((db) => decideStanding(db, accountId, context.weighing))))
          : await latestDecision(context.pool, accountId, batchId);
      if (decision === undefined) throw notFound('batch');
      const { byEsp, round } = await loadEspStates(context.pool, context.weighing.roundSeconds);
      const { basis, providerWeights } = decision;
      const weights =
        mailboxProvider === undefined ? decision.weights : (providerWeights[mailboxProvider] ?? decision.weights);
      const scoreOf = (esp: string): number =>
        mailboxProvider === undefined
          ? (meanScore(basis.scores, esp) ?? 0)
          : (basis.scores[mailboxProvider]?.[esp] ?? 0);
      const evidenceOf = (esp: string) =>
        shown(mailboxProvider === undefined ? decision.evidence[esp] : basis.cells[esp]?.[mailboxProvider]);
      const byProvider = (esp: string) =>
        Object.fromEntries(
          Object.entries(providerWeights).map(([provider, byEsp]) => [
            provider,
            {
              ...shown(basis.cells[esp]?.[provider]),
              weight: byEsp[esp] ?? 0,
              score: basis.scores[provider]?.[esp] ?? 0,
            },
          ]),
        );
      return {
        id: decision.id,
        window: decision.window,
        total: 1_000,
        policy: decision.policy,
        reason: decision.reason,
        decidedAt: decision.decidedAt.toISOString(),
        providerWeights: Object.fromEntries(
          Object.entries(providerWeights).map(([name, byEsp]) => [name, { ...byEsp }]),
        ),
        esps: Object.keys(weights)
          .sort()
          .map((esp) => ({
            ...evidenceOf(esp),
            esp,
            weight: weights[esp] ?? 0,
            score: scoreOf(esp),
            health: healthAt(byEsp[esp]?.health ?? newHealth, round, context.weighing.thresholds).state,
            allowance: basis.allowances[esp] ?? 'any share',
            byProvider: byProvider(esp),
          })),
      };
    },
  );
};

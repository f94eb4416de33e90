import { espsAnswer } from '../../../../shared/contracts/api.ts';
import { loadHealth } from '../../../../shared/db/esp-health.ts';
import { latestDecision } from '../../../../shared/db/weight-decisions.ts';
import type { IngressContext } from '../ingress-context.ts';
import { problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

/** `GET /v1/esps`: the configured ESPs, their health, limits and last errors. */
export const espRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/v1/esps',
    {
      schema: {
        tags: ['routing'],
        summary: 'The configured ESPs and how they are',
        security: withKey,
        response: { 200: espsAnswer, 401: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = context.authenticate(request);
      const [health, decision] = await Promise.all([
        loadHealth(context.pool),
        latestDecision(context.pool, accountId, ''),
      ]);
      return {
        data: context.esps.map((esp) => {
          const known = health.get(esp.name);
          const { deliveriesPerCall, bytesPerCall, concurrentCalls } = esp.limits;
          return {
            esp: esp.name,
            kind: esp.kind,
            state: 'active' as const,
            health: known?.state ?? ('healthy' as const),
            goodRounds: known?.goodRounds ?? 0,
            badRounds: known?.badRounds ?? 0,
            weight: decision?.weights[esp.name] ?? 0,
            limits: { deliveriesPerCall, bytesPerCall, concurrentCalls },
            lastError: known?.lastError ?? null,
            updatedAt: known?.updatedAt.toISOString() ?? null,
          };
        }),
      };
    },
  );
};

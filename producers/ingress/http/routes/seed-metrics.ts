import { z } from 'zod';
import { seedMetrics } from '../../../../shared/contracts/domains-api.ts';
import { open, seedRoute } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

/** `GET /metrics` of this process - Prometheus text, or JSON for who asks for it - and `GET /healthz`. */
export const seedMetricsRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/healthz',
    {
      config: open,
      schema: {
        tags: ['health'],
        operationId: 'getHealthz',
        summary: 'Whether the process is alive',
        response: { 200: z.object({ status: z.literal('ok') }) },
      },
    },
    () => ({ status: 'ok' as const }),
  );
  if (!context.hasMetrics) return;

  app.get(
    '/metrics',
    {
      config: seedRoute('read', "the fleet's account"),
      schema: {
        tags: ['health'],
        operationId: 'getMetrics',
        summary: 'What this process has done: Prometheus text, or JSON',
        security: withKey,
        response: {
          200: {
            description: 'JSON with `Accept: application/json`.',
            content: {
              'application/json': { schema: seedMetrics },
              'text/plain': { schema: z.string() },
            },
          },
        },
      },
    },
    async (request, reply) => {
      void reply.header('vary', 'accept');
      const accept = request.headers.accept ?? '';
      if (!/\bapplication\/json\b/i.test(accept)) {
        return reply.type(context.metrics.contentType).send(await context.metrics.render());
      }
      const { requests, failed, delivered, bounced, meanMs, p95Ms } = context.requestStats.report();
      return reply.type('application/json').send({
        uptime_seconds: rounded(process.uptime()),
        requests_total: requests,
        requests_failed: failed,
        events_total: delivered + bounced,
        events: { delivered, bounced },
        mean_response_ms: rounded(meanMs),
        p95_response_ms: rounded(p95Ms),
      });
    },
  );
};

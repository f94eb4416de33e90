import { z } from 'zod';
import { open } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import type { RouteApp } from '../route-app.ts';

/** Probes: alive needs nothing but this process, ready needs what it takes to serve. */
export const healthRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/health/live',
    {
      config: open,
      schema: {
        tags: ['health'],
        operationId: 'getLiveness',
        summary: 'Whether the process is alive',
        response: { 200: z.object({ live: z.literal(true) }) },
      },
    },
    () => ({ live: true as const }),
  );
  const readiness = z.object({ ready: z.boolean(), waitingFor: z.array(z.string()) });
  app.get(
    '/health/ready',
    {
      config: open,
      schema: {
        tags: ['health'],
        operationId: 'getReadiness',
        summary: 'Whether requests can be served',
        response: { 200: readiness, 503: readiness },
      },
    },
    (_request, reply) => {
      const { ready, waitingFor } = context.isReady();
      void reply.status(ready ? 200 : 503);
      return { ready, waitingFor: [...waitingFor] };
    },
  );
};

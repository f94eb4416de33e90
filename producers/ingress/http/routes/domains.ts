import { z } from 'zod';
import { domainText } from '../../../../shared/contracts/address-text.ts';
import { domainAnswer } from '../../../../shared/contracts/api.ts';
import { loadDomain } from '../../../../shared/db/domain-counters.ts';
import { normaliseDomain } from '../../../../shared/domain/domain-name.ts';
import { judgeDomain } from '../../../../shared/domain/judge-domain.ts';
import { needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

/** `GET /v1/domains/:name`: what is known of a domain; one never seen is `unknown`, not missing. */
export const domainRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/v1/domains/:name',
    {
      config: needs('read'),
      schema: {
        tags: ['domains'],
        operationId: 'getDomain',
        summary: 'Whether a domain is catch-all, and what says so',
        security: withKey,
        params: z.object({ name: domainText }),
        response: { 200: domainAnswer, 400: problemSchema, 401: problemSchema },
      },
    },
    async (request) => {
      const domain = normaliseDomain(request.params.name);
      if (domain === undefined) {
        throw new HttpProblem(400, 'Malformed request', {
          errors: [{ pointer: '/params/name', detail: 'is not a domain name' }],
        });
      }
      const counted = await loadDomain(context.pool, domain);
      const { delivered, bounced } = counted ?? { delivered: 0, bounced: 0 };
      return {
        domain,
        status: judgeDomain({ delivered, bounced }, context.deliveredThreshold),
        delivered,
        bounced,
        threshold: context.deliveredThreshold,
        firstBounceAt: counted?.firstBounceAt?.toISOString() ?? null,
        updatedAt: counted?.updatedAt.toISOString() ?? null,
      };
    },
  );
};

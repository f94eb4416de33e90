import { z } from 'zod';
import { domainText } from '../../../../shared/contracts/address-text.ts';
import {
  domainAnswer,
  domainListAnswer,
  domainListQuery,
  type DomainAnswer,
} from '../../../../shared/contracts/domains-api.ts';
import { verdicts } from '../../../../shared/contracts/verdict.ts';
import {
  listDomains,
  loadDomain,
  type DomainCounters,
  type DomainQuery,
} from '../../../../shared/db/domain-counters.ts';
import { loadThreshold } from '../../../../shared/db/domain-totals.ts';
import { normaliseDomain } from '../../../../shared/domain/domain-name.ts';
import { needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const asAnswer = (domain: string, counted: DomainCounters | undefined, threshold: number): DomainAnswer => ({
  domain,
  status: counted?.status ?? 'unknown',
  delivered: counted?.delivered ?? 0,
  bounced: counted?.bounced ?? 0,
  threshold,
  firstBounceAt: counted?.firstBounceAt?.toISOString() ?? null,
  updatedAt: counted?.updatedAt.toISOString() ?? null,
});

/** What part of which names is searched; undefined for what no name can hold. */
const readSearch = (text: string): DomainQuery['search'] => {
  const of = /^\*?\./.test(text) ? ('end' as const) : ('beginning' as const);
  const wanted = of === 'end' ? text.replace(/^\*?\./, '') : text;
  const ascii = wanted.toLowerCase();
  const part = /^[a-z0-9._-]*$/.test(ascii) ? ascii : normaliseDomain(wanted);
  if (part === undefined || part === '') return undefined;
  return { part: of === 'end' ? `.${part.replace(/\.$/, '')}` : part, of };
};

/** `GET /v1/domains` and `GET /v1/domains/:name`; a domain never seen is `unknown`, not missing. */
export const domainRoutes = (app: RouteApp, context: IngressContext): void => {
  const threshold = async (): Promise<number> => (await loadThreshold(context.pool)) ?? context.deliveredThreshold;

  app.get(
    '/v1/domains',
    {
      // All domains that anybody sends to: nobody's but the fleet's to list.
      config: needs('read', "the fleet's account"),
      schema: {
        tags: ['domains'],
        operationId: 'listDomains',
        summary: 'Domains by name, by verdict or a part of their name',
        description: 'By the name read backwards where its end is searched.',
        security: withKey,
        querystring: domainListQuery,
        response: { 200: domainListAnswer, 400: problemSchema, 401: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const { status, search, limit, after } = request.query;
      const last = after === undefined ? undefined : normaliseDomain(after);
      if (after !== undefined && last === undefined) {
        throw new HttpProblem(422, 'The request cannot be processed', {
          errors: [{ pointer: '/querystring/after', detail: 'is not a domain name' }],
        });
      }
      const wanted = search === undefined ? undefined : readSearch(search);
      if (search !== undefined && wanted === undefined) return { data: [], hasMore: false };
      const rows = await listDomains(context.pool, {
        statuses: status === undefined ? verdicts : [status],
        search: wanted,
        after: last,
        limit: limit + 1,
      });
      const by = await threshold();
      return {
        data: rows.slice(0, limit).map((row) => asAnswer(row.domain, row, by)),
        hasMore: rows.length > limit,
      };
    },
  );

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
      const [counted, by] = await Promise.all([loadDomain(context.pool, domain), threshold()]);
      return asAnswer(domain, counted, by);
    },
  );
};

import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { anyDomainText } from '../../../../shared/contracts/address-text.ts';
import { seedFault, seedStats, seedVerdict } from '../../../../shared/contracts/domains-api.ts';
import { loadTotals } from '../../../../shared/db/domain-totals.ts';
import { normaliseDomain } from '../../../../shared/domain/domain-name.ts';
import { seedRoute } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const params = z.object({ domain: anyDomainText });
const refuse = (reply: FastifyReply): FastifyReply =>
  reply
    .status(400)
    .send({ error: 'This is not a domain name: it has labels of letters, digits and hyphens, 253 octets at most.' });

/**
 * The catch-all seed's routes (`contract` §4): `PUT /events/:domain/delivered` and `bounced`, `GET /domains/:domain`,
 * `GET /domains/stats`. An event is answered once Kafka has it, and is counted within a second of that.
 */
export const seedDomainRoutes = (app: RouteApp, context: IngressContext): void => {
  // Its clients send no body; whatever comes with the request is nobody's business.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => {
    done(null, undefined);
  });

  for (const type of ['delivered', 'bounced'] as const) {
    app.put(
      `/events/:domain/${type}`,
      {
        // It moves what all accounts are judged by.
        config: seedRoute('send', "the fleet's account"),
        schema: {
          tags: ['domains'],
          operationId: type === 'delivered' ? 'countDelivered' : 'countBounced',
          summary: `Counts one ${type === 'delivered' ? 'delivery' : 'bounce'} of a domain`,
          security: withKey,
          params,
          response: {
            200: { description: 'Kafka has it.', content: { 'text/plain': { schema: z.string() } } },
            400: seedFault,
            503: problemSchema,
          },
        },
      },
      async (request, reply) => {
        const domain = normaliseDomain(request.params.domain);
        if (domain === undefined) return refuse(reply);
        await context.domainEvents.count(domain, type);
        context.requestStats.events(type, 1);
        return reply.status(200).type('text/plain').send('');
      },
    );
  }

  app.get(
    '/domains/stats',
    {
      config: seedRoute('read'),
      schema: {
        tags: ['domains'],
        operationId: 'getDomainStats',
        summary: 'How many domains have which verdict, at the moment of asking',
        security: withKey,
        response: { 200: seedStats },
      },
    },
    async () => {
      const { catchAll, notCatchAll, unknown, at } = await loadTotals(context.pool);
      return {
        catch_all: catchAll,
        not_catch_all: notCatchAll,
        unknown,
        total: catchAll + notCatchAll + unknown,
        timestamp: at.toISOString(),
      };
    },
  );

  app.get(
    '/domains/:domain',
    {
      config: seedRoute('read'),
      schema: {
        tags: ['domains'],
        operationId: 'getDomainVerdict',
        summary: 'Whether a domain takes mail for any address',
        description: 'Of a domain called `stats`, `/v1/domains/stats` tells.',
        security: withKey,
        params,
        response: { 200: seedVerdict, 400: seedFault },
      },
    },
    async (request, reply) => {
      const domain = normaliseDomain(request.params.domain);
      if (domain === undefined) return refuse(reply);
      return reply.send({ domain, status: await context.verdicts.verdictOf(domain) });
    },
  );
};

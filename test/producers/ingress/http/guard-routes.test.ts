import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fastify from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { guardRoutes } from '../../../../producers/ingress/http/guard-routes.ts';
import { testIngress, type TestIngress } from './ingress.ts';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress();
  await ingress.app.ready();
});
afterAll(() => ingress.app.close());

const isDocs = (route: string): boolean => /^\w+ \/docs(\/|$)/.test(route);
const openRoutes = [
  'GET /auth/confirm/:token',
  'GET /health/live',
  'GET /health/metrics',
  'GET /health/ping',
  'GET /health/ready',
  'GET /healthz',
  'GET /openapi.json',
  'GET /u/:token',
  'POST /auth/confirm/:token',
  'POST /auth/deregister',
  'POST /auth/signup',
  'POST /u/:token',
  'POST /webhook-events/:esp',
  'POST /webhooks/:esp',
];
const fleetRoutes = [
  'DELETE /v1/accounts/:id',
  'DELETE /v1/dead-letters/:id',
  'GET /v1/accounts',
  'GET /v1/accounts/:id',
  'GET /v1/dead-letters',
  'GET /v1/dead-letters/:id',
  'GET /v1/sign-ups',
  'PATCH /v1/accounts/:id',
  'POST /v1/accounts',
  'POST /v1/dead-letters/:id/retry',
  'POST /v1/dead-letters/retry',
  'POST /v1/esps/:esp/drain',
  'POST /v1/esps/:esp/pause',
  'POST /v1/esps/:esp/probe-only',
  'POST /v1/esps/:esp/resume',
  'POST /v1/sign-ups/:id/approve',
  'PUT /v1/esps/:esp/limits',
];
/** Without HEAD, which is GET without its body. */
const routes = () => [...ingress.app.accessOf].filter(([route]) => !route.startsWith('HEAD ') && !isDocs(route));

describe('Every route', () => {
  it('says who may use it; those open to everybody are these, and the documents under /docs', () => {
    const found = routes().flatMap(([route, access]) => (access === 'open' ? [route] : []));
    expect(found.sort()).toEqual(openRoutes);
  });

  it('that concerns the fleet is for its administrators; these are', () => {
    const found = routes().flatMap(([route, access]) =>
      access !== 'open' && access.of === 'the fleet' ? [route] : [],
    );
    expect(found.sort()).toEqual(fleetRoutes);
  });

  it('of the seeds answers without a key with AUTH_OPEN; these do, and no other', () => {
    const found = routes().flatMap(([route, access]) => (access !== 'open' && access.isSeed === true ? [route] : []));
    expect(found.sort()).toEqual([
      'GET /domains/:domain',
      'GET /domains/stats',
      'GET /metrics',
      'POST /email/send',
      'POST /task',
      'POST /task/',
      'POST /task/subscriptionContent',
      'POST /task/task',
      'POST /task/verify',
      'PUT /events/:domain/bounced',
      'PUT /events/:domain/delivered',
      'PUT /task/subscriptionContent',
    ]);
  });

  it('asks for the scope that its act has', () => {
    const scopeOf = Object.fromEntries(
      routes().flatMap(([route, access]) => (access === 'open' ? [] : [[route, access.scope]])),
    );
    const manages =
      /^\w+ \/v1\/(accounts|api-keys|recipients|erasures)|^(POST|PUT|DELETE) \/v1\/templates(\/:id)?$|^DELETE \/v1\/suppressions/;
    const sends = [
      'POST /task',
      'POST /task/',
      'POST /task/subscriptionContent',
      'POST /task/task',
      'POST /task/verify',
      'PUT /task/subscriptionContent',
      'DELETE /v1/schedules/:id',
      'PATCH /v1/schedules/:id',
      'POST /v1/schedules',
      'POST /v1/schedules/:id/pause',
      'POST /v1/schedules/:id/resume',
      'PATCH /v1/emails/:requestId',
      'POST /v1/emails/:requestId/cancel',
      'POST /v1/emails/:requestId/pause',
      'POST /v1/emails/:requestId/resume',
      'POST /email/send',
      'POST /v1/delivery-events',
      'POST /v1/emails',
      'POST /v1/otp',
      'POST /v1/otp/verify',
      'POST /v1/suppressions',
      'POST /v3/mail/send',
      'PUT /events/:domain/bounced',
      'PUT /events/:domain/delivered',
    ];
    for (const [route, scope] of Object.entries(scopeOf)) {
      const expected = sends.includes(route)
        ? 'send'
        : / \/v1\/webhooks/.test(route)
          ? 'webhook-manage'
          : manages.test(route) || fleetRoutes.includes(route)
            ? 'admin'
            : 'read';
      expect([route, scope]).toEqual([route, expected]);
    }
  });

  it('that is not open answers 401 without a key, before it reads a body or a parameter, and asks no database', async () => {
    const guarded = [...ingress.app.accessOf].filter(([, access]) => access !== 'open');
    expect(guarded.length).toBeGreaterThan(20);
    for (const [route] of guarded) {
      const [method = '', path = ''] = route.split(' ');
      const answer = await ingress.app.inject({
        method: method as 'GET',
        url: path.replaceAll(/:\w+/g, '%20'),
        ...(method === 'GET' || method === 'HEAD'
          ? {}
          : { headers: { 'content-type': 'application/json' }, payload: '{' }),
      });
      expect([route, answer.statusCode]).toEqual([route, 401]);
    }
  });

  it('that says nothing cannot be added', () => {
    const app = fastify().withTypeProvider<ZodTypeProvider>();
    const unused = (): never => {
      throw new TypeError('nobody asks');
    };
    const guards = {
      keys: { check: unused, forget: unused },
      rateLimits: { take: unused, closedForMs: unused },
      isOpen: false,
      addressLimits: { requestsPerMinute: 1, failuresPerMinute: 1 },
    };
    guardRoutes(app, guards, '/docs');
    expect(() => app.get('/v1/forgotten', () => 'x')).toThrow('GET /v1/forgotten does not say who may use it');
  });
});

describe('The OpenAPI document', () => {
  it('says of every route with a key what it needs and how it may be refused', async () => {
    const { paths } = (await ingress.app.inject({ method: 'GET', url: '/openapi.json' })).json<{
      paths: Record<string, Record<string, { description?: string; security?: unknown[]; responses: object }>>;
    }>();
    for (const [route, access] of routes()) {
      const [method = '', path = ''] = route.split(' ');
      const operation = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
      if (access === 'open') {
        expect(operation?.security).toBeUndefined();
        continue;
      }
      // SendGrid describes its own.
      if (route === 'POST /v3/mail/send') continue;
      expect(operation?.security).toEqual([{ key: [] }]);
      expect(operation?.description).toContain(`scope \`${access.scope}\``);
      expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(['401', '403', '429', '503']));
    }
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ isReady: () => ({ ready: false, waitingFor: ['kafka'] }) });
});
afterAll(() => ingress.app.close());
const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  ingress.app.inject({ method: 'GET', url, headers });

describe('The HTTP ingress', () => {
  it('describes its routes in /openapi.json', async () => {
    const document = (await get('/openapi.json')).json<{ openapi: string; paths: Record<string, object> }>();
    expect(document.openapi).toBe('3.1.0');
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(routes).toEqual(
      expect.arrayContaining([
        'post /v1/emails',
        'get /v1/emails/{requestId}',
        'get /v1/messages',
        'get /v1/messages/{id}',
        'get /v1/weights',
        'post /v1/weights/simulate',
        'get /v1/esps',
        'post /v1/esps/{esp}/pause',
        'post /v1/esps/{esp}/drain',
        'post /v1/esps/{esp}/resume',
        'post /v1/esps/{esp}/probe-only',
        'put /v1/esps/{esp}/limits',
        'get /v1/esps/{esp}/history',
        'get /v1/domains',
        'get /v1/domains/{name}',
        'get /domains/stats',
        'get /domains/{domain}',
        'put /events/{domain}/delivered',
        'put /events/{domain}/bounced',
        'post /v1/delivery-events',
        'get /metrics',
        'get /healthz',
        'post /webhooks/{esp}',
        'get /health/live',
        'get /health/ready',
      ]),
    );
  });

  it('describes bodies that may be left out as such', async () => {
    const { paths } = (await get('/openapi.json')).json<{
      paths: Record<string, Record<string, { requestBody?: { required: boolean } }>>;
    }>();
    expect(paths['/v1/esps/{esp}/pause']?.['post']?.requestBody?.required).toBe(false);
    expect(paths['/v1/weights/simulate']?.['post']?.requestBody?.required).toBe(false);
    expect(paths['/v1/esps/{esp}/limits']?.['put']?.requestBody?.required).toBe(true);
    expect(paths['/v1/emails']?.['post']?.requestBody?.required).toBe(true);
  });

  it('is alive without anybody else, and ready only with what it needs', async () => {
    expect((await get('/health/live')).json()).toEqual({ live: true });
    const ready = await get('/health/ready');
    expect([ready.statusCode, ready.json()]).toEqual([503, { ready: false, waitingFor: ['kafka'] }]);
  });

  it('answers an unknown route with a problem document', async () => {
    for (const url of ['/nothing', '/v1/nothing', '/v2/emails']) {
      const answer = await get(url, withKey);
      expect(answer.statusCode).toBe(404);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  it('names every answer: by the caller’s X-Request-Id where that is usable, else by its own', async () => {
    expect((await get('/health/live', { 'x-request-id': 'trace-7' })).headers['x-request-id']).toBe('trace-7');
    expect((await get('/nothing', { 'x-request-id': 'trace-8' })).headers['x-request-id']).toBe('trace-8');
    for (const given of ['', 'a b', 'x'.repeat(129), '<script>']) {
      const own = (await get('/health/live', { 'x-request-id': given })).headers['x-request-id'];
      expect(own).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each([
    '/v1/emails/req_1',
    '/v1/messages',
    '/v1/messages/msg_1',
    '/v1/weights',
    '/v1/esps',
    '/v1/esps/sendgrid/history',
    '/v1/domains/example.org',
  ])('answers %s to nobody without a key, and asks no database for it', async (url) => {
    const answer = await get(url);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  it('answers 400 to a domain name that is none, however long, before it asks anybody', async () => {
    for (const name of ['a%20b', 'a..b', 'x'.repeat(254), encodeURIComponent('good.org/evil.org')]) {
      expect((await get(`/v1/domains/${name}`, withKey)).statusCode).toBe(400);
    }
  });

  it('answers a filter that it does not know with 400, and one that makes no sense with 422', async () => {
    expect((await get('/v1/messages?role=admin', withKey)).statusCode).toBe(400);
    for (const query of [
      'status=exploded',
      'limit=0',
      'limit=1001',
      'limit=many',
      'since=yesterday',
      "after=x' or 1=1",
    ]) {
      expect((await get(`/v1/messages?${query}`, withKey)).statusCode).toBe(422);
    }
  });

  it('answers 415 to a media type it cannot read', async () => {
    const answer = await ingress.app.inject({
      method: 'POST',
      url: '/v1/emails',
      headers: { ...withKey, 'content-type': 'application/xml' },
      payload: '<a/>',
    });
    expect(answer.statusCode).toBe(415);
  });

  it('forbids to be framed', async () => {
    expect((await get('/health/live')).headers['x-frame-options']).toBeDefined();
  });
});

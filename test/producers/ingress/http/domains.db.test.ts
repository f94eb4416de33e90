import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createVerdictCache } from '../../../../producers/ingress/verdict-cache.ts';
import type { DeliveryEvent } from '../../../../shared/contracts/delivery.ts';
import { deliveryRecord } from '../../../../shared/contracts/delivery.ts';
import { producerHeaders } from '../../../../shared/contracts/topics.ts';
import { addToDomains, loadVerdict } from '../../../../shared/db/domain-counters.ts';
import { notifyVerdicts, verdictsChannel } from '../../../../shared/db/judged.ts';
import { listenTo } from '../../../../shared/db/listen.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { keysOf, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
});
beforeEach(() => {
  ingress.clear();
});
afterAll(() => ingress.app.close());

const ask = (method: 'GET' | 'PUT', url: string, headers: Record<string, string> = withKey) =>
  ingress.app.inject({ method, url, headers });
const post = (payload: string | Buffer, type = 'application/x-ndjson', headers: Record<string, string> = withKey) =>
  ingress.app.inject({
    ...{ method: 'POST', url: '/v1/delivery-events', payload },
    headers: { ...headers, 'content-type': type },
  });
const published = (): DeliveryEvent[] =>
  ingress.published.flatMap(({ value }) => {
    const record = deliveryRecord.parse(JSON.parse(String(value)));
    return 'events' in record ? record.events : [record];
  });
const counted = (): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const { domain, type, count = 1 } of published()) {
    sums[`${domain} ${type}`] = (sums[`${domain} ${type}`] ?? 0) + count;
  }
  return sums;
};
const count = (domain: string, delivered: number, bounced = 0) =>
  addToDomains(database.pool, [{ domain, delivered, bounced, firstBounceAt: undefined }], {
    ...{ shard: 0, deliveredThreshold: 1_000 },
  });

describe('PUT /events/:domain/delivered and bounced', () => {
  it('answer 200 without a body once Kafka has the event, under one name for all its forms', async () => {
    for (const name of ['example.org', 'EXAMPLE.org.', encodeURIComponent('münchen.DE'), 'xn--mnchen-3ya.de']) {
      const answer = await ask('PUT', `/events/${name}/delivered`);
      expect([answer.statusCode, answer.body]).toEqual([200, '']);
    }
    expect((await ask('PUT', '/events/example.org/bounced')).statusCode).toBe(200);
    expect(counted()).toEqual({
      'example.org delivered': 2,
      'xn--mnchen-3ya.de delivered': 2,
      'example.org bounced': 1,
    });
  });

  it('put what comes at once into few records, numbered upwards, and lose none', async () => {
    const domains = Array.from({ length: 10 }, (_, index) => `d${index}.example`);
    await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const answer = await ask('PUT', `/events/${domains[index % 10] ?? ''}/${index % 2 ? 'bounced' : 'delivered'}`);
        expect(answer.statusCode).toBe(200);
      }),
    );
    expect(published().reduce((sum, { count: by = 1 }) => sum + by, 0)).toBe(500);
    expect(ingress.published.length).toBeLessThan(250);
    const numbers = ingress.published.map(({ headers = {} }) => Number(headers[producerHeaders.sequence]));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    const keys = new Map<string, Set<string>>();
    for (const { key, value } of ingress.published) {
      for (const domain of domains.filter((name) => String(value).includes(`"${name}"`))) {
        keys.set(domain, (keys.get(domain) ?? new Set()).add(key));
      }
    }
    for (const [, ofDomain] of keys) expect(ofDomain.size).toBe(1);
  });

  it.each([
    '-a.org',
    'a..org',
    'a b.org',
    `${'a'.repeat(64)}.org`,
    `${'a.'.repeat(127)}org`,
    '%00',
    'a@b.org',
    '[::1]',
  ])('answer 400 with a sentence for %s, and publish nothing', async (name) => {
    const answer = await ask('PUT', `/events/${name === '%00' ? name : encodeURIComponent(name)}/delivered`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ error: string }>().error).toMatch(/^This is not a domain name/);
    expect((await ask('GET', `/domains/${name === '%00' ? name : encodeURIComponent(name)}`)).statusCode).toBe(400);
    expect(ingress.published).toEqual([]);
  });

  it('answer 503 when Kafka did not take it, and the next one is taken again', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'Kafka is away.'));
    const answer = await ask('PUT', '/events/example.org/delivered');
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1']);
    ingress.failWith(undefined);
    expect((await ask('PUT', '/events/example.org/delivered')).statusCode).toBe(200);
  });

  it('take a name of 253 octets, and any body', async () => {
    const name = `${`${'a'.repeat(62)}.`.repeat(3)}${'b'.repeat(64 - 0 - 0).slice(0, 61)}.de`;
    expect(name.length).toBeLessThanOrEqual(253);
    const answer = await ingress.app.inject({
      ...{ method: 'PUT', url: `/events/${name}/delivered`, payload: '{"broken' },
      headers: { ...withKey, 'content-type': 'application/json' },
    });
    expect(answer.statusCode).toBe(200);
  });

  it('need a key of the fleet’s own account with the scope send, for they move what all are judged by', async () => {
    expect((await ask('PUT', '/events/example.org/delivered', {})).statusCode).toBe(401);
    const tenants = await testIngress({ pool: database.pool, keys: keysOf('acme') });
    const put = await tenants.app.inject({ method: 'PUT', url: '/events/a.org/delivered', headers: withKey });
    const sent = await tenants.app.inject({ method: 'POST', url: '/v1/delivery-events', headers: withKey, body: '[]' });
    expect([put.statusCode, sent.statusCode]).toEqual([403, 403]);
    expect((await tenants.app.inject({ url: '/v1/domains', headers: withKey })).statusCode).toBe(403);
    expect((await tenants.app.inject({ url: '/domains/a.org', headers: withKey })).statusCode).toBe(200);
    expect(tenants.published).toEqual([]);
    await tenants.app.close();
  });
});

describe('With AUTH_OPEN', () => {
  it('the seeds’ routes need no key from this machine, and no other route is opened', async () => {
    const open = await testIngress({ pool: database.pool, isOpen: true });
    const status = async (method: 'GET' | 'PUT', url: string, host = 'localhost:8080') =>
      (await open.app.inject({ method, url, headers: { host } })).statusCode;
    expect(await status('PUT', '/events/example.org/delivered')).toBe(200);
    expect(await status('GET', '/domains/stats', '127.0.0.1:8080')).toBe(200);
    expect(await status('GET', '/metrics', '[::1]:8080')).toBe(200);
    expect(await status('GET', '/v1/domains/example.org')).toBe(401);
    // A page elsewhere whose name was made to point here.
    expect(await status('GET', '/domains/stats', 'evil.example')).toBe(401);
    await open.app.close();
  });
});

describe('GET /domains', () => {
  it('tells the verdict, also of a name that nobody has seen, and exact totals without being asked before', async () => {
    await count('catch.example', 1_001);
    await count('bounced.example', 5_000, 1);
    await count('edge.example', 1_000);
    await count('stats', 1_001);
    const stats = (await ask('GET', '/domains/stats')).json<Record<string, unknown>>();
    expect(stats).toEqual({
      ...{ catch_all: 2, not_catch_all: 1, unknown: 1, total: 4 },
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as unknown,
    });
    for (const [name, status] of [
      ['CATCH.example.', 'catch-all'],
      ['bounced.example', 'not-catch-all'],
      ['edge.example', 'unknown'],
      ['never.example', 'unknown'],
    ] as const) {
      const domain = name.toLowerCase().replace(/\.$/, '');
      expect((await ask('GET', `/domains/${name}`)).json()).toEqual({ domain, status });
    }
    expect((await ask('GET', '/v1/domains/stats')).json()).toMatchObject({ domain: 'stats', status: 'catch-all' });
  });
});

describe('GET /v1/domains', () => {
  it('filters, searches and pages', async () => {
    for (let index = 0; index < 7; index += 1) await count(`m${index}.example.org`, 1);
    await count('xn--mnchen-3ya.de', 2_000);
    const list = async (query: string) => {
      const answer = await ask('GET', `/v1/domains?${query}`);
      expect(answer.statusCode).toBe(200);
      const { data, hasMore } = answer.json<{ data: { domain: string }[]; hasMore: boolean }>();
      return [data.map(({ domain }) => domain.split('.')[0]), hasMore];
    };
    expect(await list('limit=3')).toEqual([['m0', 'm1', 'm2'], true]);
    expect(await list('limit=3&after=m4.example.org')).toEqual([['m5', 'm6', 'xn--mnchen-3ya'], false]);
    expect(await list('status=catch-all')).toEqual([['xn--mnchen-3ya'], false]);
    expect(await list(`search=${encodeURIComponent('MÜNCHEN.de')}`)).toEqual([['xn--mnchen-3ya'], false]);
    expect(await list('search=.example.org&limit=5')).toEqual([['m0', 'm1', 'm2', 'm3', 'm4'], true]);
    expect(await list(`search=${encodeURIComponent('*.de')}`)).toEqual([['xn--mnchen-3ya'], false]);
    expect(await list(`search=${encodeURIComponent("' or 1=1 --%")}`)).toEqual([[], false]);
    for (const bad of ['status=maybe', 'limit=0', 'limit=1001', 'search=', 'search=%00'])
      expect((await ask('GET', `/v1/domains?${bad}`)).statusCode).toBe(422);
    expect((await ask('GET', '/v1/domains?other=1')).statusCode).toBe(400);
    expect((await ask('GET', '/v1/domains?after=-a')).statusCode).toBe(422);
    expect((await ask('GET', '/v1/domains?after=%00%ff')).statusCode).toBeLessThan(500);
  });
});

describe('POST /v1/delivery-events', () => {
  it('takes NDJSON and arrays, and sums up what is only counted', async () => {
    const lines = [
      { domain: 'A.example', type: 'delivered' },
      { domain: 'a.example.', type: 'delivered', count: 999_999_999 },
      { domain: 'a.example', type: 'delivered', count: 5 },
      { domain: 'b.example', type: 'bounced', id: 'x-1' },
    ];
    const wanted = { 'a.example delivered': 1_000_000_005, 'b.example bounced': 1 };
    const forms = [
      [lines.map((line) => JSON.stringify(line)).join('\n'), 'application/x-ndjson'],
      [`\n${lines.map((line) => `${JSON.stringify(line)}\r\n`).join('\n')}\n`, 'text/plain'],
      [JSON.stringify(lines, null, 2), 'application/json'],
      [` ${JSON.stringify(lines)} `, 'application/x-ndjson'],
    ] as const;
    for (const [body, type] of forms) {
      ingress.clear();
      const answer = await post(body, type);
      expect([answer.statusCode, answer.json()]).toEqual([202, { accepted: 4 }]);
      expect(counted()).toEqual(wanted);
      expect(published().find(({ type: of }) => of === 'bounced')).toMatchObject({ id: 'x-1' });
    }
    expect((await post('[]', 'application/json')).json()).toEqual({ accepted: 0 });
  });

  it('names each bad line by its number, and publishes nothing then', async () => {
    const good = '{"domain":"a.example","type":"delivered"}';
    const answer = await post(
      [good, '{"domain":"-","type":"delivered"}', '', 'nonsense', '{"domain":"a.example","type":"opened"}', good].join(
        '\n',
      ),
    );
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ errors: { pointer: string; detail: string }[] }>().errors).toEqual([
      { pointer: '/1', detail: 'line 2: domain: is not a domain name' },
      { pointer: '/3', detail: 'line 4: is not JSON' },
      { pointer: '/4', detail: expect.stringMatching(/^line 5: type: /) as unknown },
    ]);
    expect((await post(`${good}\n{"domain":"a.example","type":"delivered","count":0}`)).statusCode).toBe(422);
    expect((await post(`{"domain":"a.example","type":"delivered","weight":9}`)).statusCode).toBe(400);
    for (const list of [
      `[${good}`,
      `[${good},]`,
      `[,${good}]`,
      `[${good}] x`,
      `[${good} ${good}]`,
      '{}',
      'null',
      '[[]]',
    ])
      expect([list, (await post(list, 'application/json')).statusCode < 430]).toEqual([list, true]);
    const many = await post('x\n'.repeat(5_000));
    expect(many.json<{ errors: unknown[]; detail: string }>()).toMatchObject({
      detail: '5000 lines are wrong, of which the first 100 are named. Nothing was counted.',
    });
    expect(ingress.published).toEqual([]);
  });

  it('takes 10 MiB, and not a byte more', async () => {
    const line = '{"domain":"a.example","type":"delivered"}\n';
    const lines = Math.floor(10_485_760 / line.length);
    const body = Buffer.from(line.repeat(lines) + ' '.repeat(10_485_760 - lines * line.length));
    const answer = await post(body);
    expect(answer.json()).toEqual({ accepted: lines });
    expect(counted()).toEqual({ 'a.example delivered': lines });
    ingress.clear();
    expect((await post(Buffer.concat([body, Buffer.from(' ')]))).statusCode).toBe(413);
    expect(ingress.published).toEqual([]);
  });

  it('answers 503 when Kafka is away, and 415 for what is neither', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'Kafka is away.'));
    expect((await post('{"domain":"a.example","type":"delivered"}')).statusCode).toBe(503);
    expect((await post('a', 'application/xml')).statusCode).toBe(415);
  });
});

describe('GET /metrics and /healthz', () => {
  it('are Prometheus text, or JSON for who asks for it', async () => {
    await ask('PUT', '/events/example.org/delivered');
    const text = await ask('GET', '/metrics');
    expect(text.headers['content-type']).toMatch(/^text\/plain/);
    expect(text.body).toContain('mailfleet_http_requests_total');
    const json = await ask('GET', '/metrics', { ...withKey, accept: 'application/json' });
    expect(json.headers['content-type']).toMatch(/^application\/json/);
    const figures = json.json<Record<string, number>>();
    expect(figures['requests_total']).toBeGreaterThan(1);
    expect(figures['p95_response_ms']).toBeGreaterThan(0);
    expect((await ask('GET', '/healthz', {})).json()).toEqual({ status: 'ok' });
    const without = await testIngress({ hasMetrics: false });
    expect((await without.app.inject({ url: '/metrics', headers: withKey })).statusCode).toBe(404);
    await without.app.close();
  });
});

describe('The cache of verdicts', () => {
  it('answers from memory, and is told of a change in the moment it holds', async () => {
    const looked = { cache: 0, postgres: 0 };
    const cache = createVerdictCache({
      load: (domain) => loadVerdict(database.pool, domain),
      isOn: true,
      ttlMs: 300_000,
      onLookUp: (from) => (looked[from] += 1),
    });
    const listener = listenTo(database.url, verdictsChannel, cache.forget, cache.listening);
    await waitFor(
      async () => {
        await cache.verdictOf('other.example');
        return looked.cache > 0;
      },
      { what: 'the cache keeping something' },
    );
    expect(await cache.verdictOf('a.example')).toBe('unknown');
    const before = looked.postgres;
    expect(await cache.verdictOf('a.example')).toBe('unknown');
    expect(looked.postgres).toBe(before);
    await database.pool.transaction(async (db) => {
      const changes = await addToDomains(
        db,
        [{ domain: 'a.example', delivered: 0, bounced: 1, firstBounceAt: undefined }],
        {
          ...{ shard: 0, deliveredThreshold: 1_000 },
        },
      );
      await notifyVerdicts(db, changes.map(({ domain }) => domain)); // prettier-ignore
    });
    await waitFor(async () => (await cache.verdictOf('a.example')) === 'not-catch-all', { what: 'the change' });
    // Whoever asks about another domain is still answered from memory.
    const still = looked.postgres;
    await cache.verdictOf('other.example');
    expect(looked.postgres).toBe(still);
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'mailfleet-listener'`,
    );
    await waitFor(
      async () => {
        const asked = looked.postgres;
        await cache.verdictOf('other.example');
        return looked.postgres > asked;
      },
      { what: 'the cache being emptied with its connection' },
    );
    await listener.close();
  });
});

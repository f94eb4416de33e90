// Requirement (contract §4, the catch-all seed): 10,000 events from 8 clients over 50 domains, every counter exact; totals right
// without a question before; every change of a verdict told once; another threshold judges all, without counting again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { verdictRecord } from '../../shared/contracts/verdict.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';
import { readTopic } from '../shared/runtime/kafka-world.ts';

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({
    processes: ['ingress', 'delivery-events', 'scheduler'],
    env: { AUTH_OPEN: '1', DELIVERED_THRESHOLD: '150' },
  });
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

const events = 10_000;
const clients = 8;
const domainOf = (index: number): string => `d${index % 50}.example`;
// Ten of the fifty have one bounce each.
const isBounce = (index: number): boolean => index < 50 && index % 5 === 0;
const put = async (path: string): Promise<void> => {
  const answer = await fetch(`${fleet.url}${path}`, { method: 'PUT' });
  expect([answer.status, await answer.text()]).toEqual([200, '']);
};
const get = async (path: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`${fleet.url}${path}`)).json()) as Record<string, unknown>;
const told = async (count: number) => {
  const records = await readTopic(fleet.environment['KAFKA_VERDICT_TOPIC'] ?? '', (found) => found.length >= count);
  return records.map(({ value }) => verdictRecord.parse(JSON.parse(value)));
};

it('counts, judges, sums up and tells, exactly', async () => {
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let index = client; index < events; index += clients) {
        await put(`/events/${domainOf(index)}/${isBounce(index) ? 'bounced' : 'delivered'}`);
      }
    }),
  );
  await waitFor(
    async () => (await get('/domains/stats'))['catch_all'] === 40 && (await get('/domains/stats'))['total'] === 50,
    { what: 'the totals', deadlineMs: 5_000 },
  );
  expect(await get('/domains/stats')).toMatchObject({ catch_all: 40, not_catch_all: 10, unknown: 0, total: 50 });
  const counted = await waitFor(
    async () => {
      const rows = await queryRows<{ domain: string; delivered: number; bounced: number }>(
        fleet.databaseUrl,
        'select domain, delivered::int, bounced::int from domain_counters order by domain',
      );
      return rows.reduce((sum, row) => sum + row.delivered + row.bounced, 0) >= events && rows;
    },
    { what: 'every event', deadlineMs: 5_000 },
  );
  expect(counted).toHaveLength(50);
  for (const { domain, delivered, bounced } of counted) {
    const wanted = Number(domain.slice(1, domain.indexOf('.'))) % 5 === 0 ? 1 : 0;
    expect([domain, delivered, bounced]).toEqual([domain, 200 - wanted, wanted]);
  }
  // A domain that bounced first was never a catch-all: one change each.
  const changes = await told(50);
  expect(new Set(changes.map(({ id }) => id)).size).toBe(50);
  expect(changes.filter(({ from, to }) => from === 'unknown' && to === 'catch-all')).toHaveLength(40);
  expect(changes.filter(({ from, to }) => from === 'unknown' && to === 'not-catch-all')).toHaveLength(10);

  // The cache hears of a change: this verdict was asked for before it.
  expect(await get('/domains/d1.example')).toEqual({ domain: 'd1.example', status: 'catch-all' });
  await put('/events/D1.example./bounced');
  await waitFor(async () => (await get('/domains/d1.example'))['status'] === 'not-catch-all', {
    what: 'the bounce being counted and told',
    deadlineMs: 5_000,
  });

  // A second copy that was started with another threshold: it judges all anew, and both count by it from then on.
  const other = spawn(process.execPath, ['dist/consumers/delivery-events/main.js'], {
    env: { ...fleet.environment, DELIVERED_THRESHOLD: '500', ADMIN_PORT: '0' },
    stdio: 'ignore',
  });
  try {
    await waitFor(async () => (await get('/domains/stats'))['unknown'] === 39, {
      what: 'all being judged by the new threshold',
      deadlineMs: 20_000,
    });
  } finally {
    other.kill('SIGTERM');
    await once(other, 'exit');
  }
  expect(await get('/domains/stats')).toMatchObject({ catch_all: 0, not_catch_all: 11, unknown: 39, total: 50 });
  expect(await get('/domains/d2.example')).toEqual({ domain: 'd2.example', status: 'unknown' });
  const all = await told(50 + 1 + 39);
  expect(new Set(all.map(({ id }) => id)).size).toBe(90);
  expect(all.filter(({ from, to }) => from === 'catch-all' && to === 'unknown')).toHaveLength(39);

  // Many at once, through the other door, and past the new threshold.
  const lines = Array.from({ length: 301 }, () => '{"domain":"d2.example","type":"delivered"}').join('\n');
  const answer = await fetch(`${fleet.url}/v1/delivery-events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${fleet.adminKey}`, 'content-type': 'application/x-ndjson' },
    body: lines,
  });
  expect([answer.status, await answer.json()]).toEqual([202, { accepted: 301 }]);
  await waitFor(async () => (await get('/domains/d2.example'))['status'] === 'catch-all', {
    what: 'the 501st delivery',
    deadlineMs: 30_000,
  });
}, 120_000);

import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { reconciler } from '../../../consumers/scheduler/ticker-reconciler.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { reconcileNext } from '../../../shared/db/completeness.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { aMessage, aRequest, useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
let hoursLater = 0;
const world = () => {
  const metrics = createMetrics('test');
  const log = createLog({ name: 'test', level: 'silent' });
  const ticker = reconciler({
    pool: database.pool,
    log,
    metrics,
    now: () => new Date(Date.now() + hoursLater * 3_600_000),
  });
  const valueOf = async (name: string): Promise<number> => {
    const line = (await metrics.render()).split('\n').find((text) => text.startsWith(`mailfleet_${name}{`));
    return Number(line?.split(' ').at(-1));
  };
  return { ticker, valueOf };
};
const requestOf = async (id: string, total: number, rows: number): Promise<void> => {
  await insertRequests(database.pool, [aRequest(id, { total })]);
  await add(id, 0, rows);
  await database.pool.query(`update requests set created_at = now() - interval '11 minutes' where id = $1`, [id]);
};
const add = async (requestId: string, first: number, rows: number): Promise<void> => {
  const messages = Array.from({ length: rows }, (_, index) => aMessage({ requestId, position: first + index }));
  await insertAndClaim(database.pool, messages, randomUUID());
};

it('counts every request once, and raises the alarm for one that does not add up for an hour', async () => {
  const { ticker, valueOf } = world();
  await requestOf('whole', 3, 3);
  await requestOf('torn', 3, 2);
  await requestOf('doubled', 1, 2);
  hoursLater = 0;
  await ticker.tick();
  expect(await valueOf('completeness_requests_total')).toBe(3);
  expect([await valueOf('completeness_uneven'), await valueOf('completeness_violations')]).toEqual([2, 0]);
  hoursLater = 1.01;
  await ticker.tick();
  expect(await valueOf('completeness_requests_total')).toBe(3);
  expect(await valueOf('completeness_violations')).toBe(2);
  await add('torn', 2, 1);
  await ticker.tick();
  expect([await valueOf('completeness_uneven'), await valueOf('completeness_violations')]).toEqual([1, 1]);
  await database.pool.query(`delete from requests where id = 'doubled'`);
  await ticker.tick();
  expect(await valueOf('completeness_violations')).toBe(0);
  expect((await database.pool.query('select from uneven_requests')).rows).toEqual([]);
});

it('leaves alone what was stored within ten minutes', async () => {
  await requestOf('young', 3, 2);
  await database.pool.query(`update requests set created_at = now() - interval '9 minutes'`);
  expect(await reconcileNext(database.pool, 10)).toBe(0);
});

it('goes on behind the last one, also among many of one moment', async () => {
  for (const id of ['a', 'b', 'c', 'd', 'e']) await requestOf(id, 1, 1);
  await database.pool.query(`update requests set created_at = '2026-01-01T00:00:00.123456Z'`);
  const counts = [];
  for (let step = 0; step < 4; step += 1) counts.push(await reconcileNext(database.pool, 2));
  expect(counts).toEqual([2, 2, 1, 0]);
});

it('is done by one process at a time', async () => {
  for (let index = 0; index < 10; index += 1) await requestOf(`r${index}`, 1, 1);
  const counts = await Promise.all([1, 2, 3, 4].map(() => reconcileNext(database.pool, 100)));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10);
});

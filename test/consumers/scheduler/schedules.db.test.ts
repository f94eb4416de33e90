// Schedules over HTTP and by the scheduler's ticker on the same tables.
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { outboxTicker } from '../../../consumers/scheduler/tickers.ts';
import { scheduleTicker } from '../../../consumers/scheduler/ticker-schedules.ts';
import type { Pool } from '../../../shared/db/connect.ts';
import { changeContent, putContent } from '../../../shared/db/contents.ts';
import { beginErasure } from '../../../shared/db/erase-recipient.ts';
import { loadRuns, subscribe, unsubscribe } from '../../../shared/db/schedules.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import { ask, makeAccount, makeKeyFor, realGuards } from '../../producers/ingress/http/accounts-world.ts';
import { testIngress, type TestIngress } from '../../producers/ingress/http/ingress.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
let ingress: TestIngress;
let key: string;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool, ...realGuards(database.pool) });
  await makeAccount(ingress, 'shop');
  key = (await makeKeyFor(ingress, 'shop', ['send', 'read'])).key;
});
beforeEach(() => {
  ingress.clear();
});

const email = { from: 'news@shop.example', subject: 'Hi', text: 'Hi', recipients: [{ email: 'ann@example.org' }] };
const call = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object) =>
  ask(ingress, method, `/v1/schedules${path}`, { key, ...(payload && { payload }) });
interface Told {
  id: string;
  state: string;
  nextRunAt: string | null;
  nextRuns: string[];
  runs: { requestId: string | null; reason: string | null }[];
}
const created = async (more: object = {}): Promise<Told> => {
  const answer = await call('POST', '', { cron: '@hourly', email, ...more });
  expect(answer.statusCode).toBe(201);
  return answer.json<Told>();
};
const tick = async (pool: Pool = database.pool) => {
  const { publisher, topics, blobs } = ingress.context;
  await scheduleTicker({ pool, publisher, topics, blobs }).tick();
};
const isDue = (ago: string) =>
  database.pool.query(`update schedules set next_at = date_trunc('hour', now()) - $1::interval`, [ago]);
const published = () =>
  ingress.published.map(({ value }) => JSON.parse(String(value)) as { id: string; accountId: string; html?: string });

describe('A schedule', () => {
  test('is told with its next runs, changed, paused, resumed and ended', async () => {
    const made = await created({ cron: '0 9 * * 1', zone: 'Europe/Berlin', name: 'news' });
    expect(made).toMatchObject({ state: 'active', runs: [], name: 'news' });
    expect(made.nextRuns).toHaveLength(5);
    expect(made.nextRuns[0]).toBe(made.nextRunAt);
    const changed = (await call('PATCH', `/${made.id}`, { cron: '@monthly', zone: 'UTC' })).json<Told>();
    expect(changed.nextRunAt).toMatch(/-01T/);
    expect(changed.nextRunAt).not.toBe(made.nextRunAt);
    expect((await call('POST', `/${made.id}/pause`)).json()).toMatchObject({ state: 'paused', nextRuns: [] });
    expect((await call('POST', `/${made.id}/resume`)).json()).toMatchObject({ nextRunAt: changed.nextRunAt });
    expect((await call('GET', '')).json()).toMatchObject({ data: [{ id: made.id }], hasMore: false });
    expect((await call('DELETE', `/${made.id}`)).statusCode).toBe(204);
    expect((await call('GET', `/${made.id}`)).statusCode).toBe(404);
  });

  test('fires once a period, whatever the number of schedulers', async () => {
    const { id } = await created();
    await isDue('0 h');
    await Promise.all(Array.from({ length: 8 }, () => tick()));
    expect(published()).toMatchObject([{ accountId: 'shop' }]);
    const { runs, nextRunAt } = (await call('GET', `/${id}`)).json<Told>();
    expect(runs).toMatchObject([{ requestId: published()[0]?.id, reason: null }]);
    expect(Date.parse(nextRunAt ?? '')).toBeGreaterThan(Date.now());
  });

  test('fires once more when three of its times were missed', async () => {
    const { id } = await created();
    await isDue('3 h');
    await tick();
    await tick();
    expect([(await loadRuns(database.pool, id, 10)).length, published().length]).toEqual([1, 1]);
  });

  test('of which a period was fired already fires it no second time, and is one request by its id', async () => {
    await created();
    await isDue('0 h');
    await tick();
    await isDue('0 h');
    await tick();
    expect(published()).toHaveLength(1);
    await database.pool.query('delete from schedule_runs');
    await isDue('0 h');
    await tick();
    expect(new Set(published().map(({ id }) => id)).size).toBe(1);
  });

  test('is fired by the next scheduler when one dies before it has committed', async () => {
    const { id } = await created();
    await isDue('0 h');
    const dying: Pool = {
      ...database.pool,
      transaction: (work) =>
        database.pool.transaction(async (db) => {
          await work(db);
          throw new Error('killed');
        }),
    };
    await expect(tick(dying)).rejects.toThrow('killed');
    expect([published(), await loadRuns(database.pool, id, 10)]).toEqual([[], []]);
    await tick();
    expect(published()).toHaveLength(1);
  });

  test('that Kafka did not take is published later by the outbox, as the same request', async () => {
    await created();
    await isDue('0 h');
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    await expect(tick()).rejects.toThrow('away');
    ingress.failWith(undefined);
    await tick();
    expect(published()).toEqual([]);
    await database.pool.query('update outbox set due_at = now()');
    await outboxTicker({ pool: database.pool, publisher: ingress.context.publisher }).tick();
    expect(published()).toHaveLength(1);
  });

  test('of a paused or closed owner does not fire', async () => {
    const { id } = await created();
    await call('POST', `/${id}/pause`);
    await tick();
    await call('POST', `/${id}/resume`);
    await isDue('0 h');
    await database.pool.query(`update accounts set closed_at = now() where id = 'shop'`);
    await tick();
    await database.pool.query(`update accounts set closed_at = null where id = 'shop'`);
    expect([published(), await loadRuns(database.pool, id, 1)]).toEqual([[], []]);
  });

  test.each([
    [{ cron: '* * * * * *', email }, 422, '/cron'],
    [{ cron: '@daily', zone: 'Mars/Olympus', email }, 422, '/zone'],
    [{ cron: '@daily' }, 422, '/email'],
    [{ cron: '@daily', email: { ...email, from: 'a@other.example' } }, 422, '/email/from'],
    [{ cron: '@daily', email: { ...email, sendAt: '2090-01-01T00:00:00Z' } }, 422, '/email/sendAt'],
    [{ cron: '@daily', email: { ...email, accountId: 'admin' } }, 400, '/email/accountId'],
    [{ cron: '@daily', email, content: { name: 'a', recipients: email.recipients } }, 422, '/content'],
    [{ cron: '@daily', content: { name: 'a', recipients: [{ email: 'nobody' }] } }, 422, '/content/recipients/0/email'],
  ])('%j is refused', async (payload, status, pointer) => {
    const answer = await call('POST', '', payload);
    expect([answer.statusCode, answer.json<{ errors: { pointer: string }[] }>().errors[0]?.pointer]).toEqual([
      status,
      pointer,
    ]);
  });
});

describe('A recipient who is erased', () => {
  test('is taken out of schedules and subscriptions, of the asker’s account alone', async () => {
    const recipients = [{ email: 'Ann <Ann@example.org>' }, { email: 'joann@example.org' }];
    const both = await created({ email: { ...email, recipients } });
    const alone = await created();
    const subscription = { accountId: 'shop', name: '', cron: '@daily', zone: 'UTC', contentType: 'news' };
    await subscribe(database.pool, { ...subscription, id: 's', subscriber: 'ann@example.org', email });
    await subscribe(database.pool, {
      ...subscription,
      accountId: 'admin',
      id: 'o',
      subscriber: 'ann@example.org',
      email,
    });
    await beginErasure(database.pool, { accountId: 'shop', email: 'ANN@example.org', requestedBy: 'test' });
    const { rows } = await database.pool.query<{ id: string; left: { email: string }[] }>(
      `select id, email -> 'recipients' as left from schedules order by id`,
    );
    expect(rows.map(({ id }) => id).sort()).toEqual([both.id, 'o'].sort());
    expect(rows.find(({ id }) => id === both.id)?.left).toEqual([{ email: 'joann@example.org' }]);
    expect((await call('GET', `/${alone.id}`)).statusCode).toBe(404);
  });
});

describe('Named content', () => {
  const content = { name: 'news', recipients: [{ email: 'ann@example.org' }] };

  test('is read when it is due, and is no template', async () => {
    const { id } = await created({ email: undefined, content });
    await isDue('2 h');
    await tick();
    expect(published()).toEqual([]);
    await putContent(database.pool, 'shop', 'news', { subject: 'One', content: '<p>one</p>' });
    await isDue('1 h');
    await tick();
    await changeContent(database.pool, 'shop', 'news', { subject: 'Two', content: '<p>{{ two }}</p>' });
    await isDue('0 h');
    await tick();
    expect(published()).toMatchObject([
      { subject: 'One', html: '<p>one</p>', from: 'no-reply@shop.example' },
      { subject: 'Two', html: "<p>{{ '{' }}{ two }}</p>" },
    ]);
    const { runs } = (await call('GET', `/${id}`)).json<Told>();
    expect(runs.map(({ requestId }) => requestId === null)).toEqual([false, false, true]);
  });

  test('has one subscription a subscriber, however often they subscribe', async () => {
    const ofAnn = (cron: string, id: string) =>
      subscribe(database.pool, {
        ...{ id, accountId: 'shop', name: '', cron, zone: 'UTC', contentType: 'news', subscriber: 'ann@example.org' },
        email: { from: 'a@shop.example', recipients: [{ email: 'ann@example.org' }] },
      });
    await Promise.all([ofAnn('@daily', 'sch_1'), ofAnn('@daily', 'sch_2')]);
    await ofAnn('@monthly', 'sch_3');
    const list = (await call('GET', '?subscriber=ANN@example.org')).json<{ data: (Told & { cron: string })[] }>().data;
    expect(list).toMatchObject([{ cron: '@monthly', content: 'news', subscriber: 'ann@example.org' }]);
    expect(list[0]?.nextRunAt).toMatch(/-01T00:00/);
    await unsubscribe(database.pool, 'shop', 'ann@example.org', 'news');
    await unsubscribe(database.pool, 'shop', 'ann@example.org', 'news');
    expect((await call('GET', '')).json()).toMatchObject({ data: [] });
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { storeDeadLetters, type DeadLetterRow } from '../../../../shared/db/dead-letters.ts';
import { takeOutbox } from '../../../../shared/db/outbox.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { keysOf, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
let others: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
  others = await testIngress({
    pool: database.pool,
    keys: keysOf('acme'),
  });
});
beforeEach(() => {
  ingress.clear();
});
afterAll(() => Promise.all([ingress.app.close(), others.app.close()]));

const letter = (offset: number, more: Partial<DeadLetterRow> = {}): DeadLetterRow => ({
  topic: 'email-send',
  partition: 3,
  offset: String(offset),
  epoch: 'cluster-1',
  consumer: 'email-send',
  code: 'bad-shape',
  reason: 'It does not fit.',
  attempts: 1,
  recordKey: 'k',
  headers: { 'x-a': '1', 'x-error-code': 'bad-shape', 'x-original-timestamp': '1700000000000' },
  payload: Buffer.from('{"from":1}'),
  firstFailedAt: new Date('2026-01-01T00:00:00Z'),
  ...more,
});
const store = (...letters: readonly DeadLetterRow[]): Promise<void> => storeDeadLetters(database.pool, letters);
const call = (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object, to = ingress) =>
  to.app.inject({ method, url: `/v1/dead-letters${path}`, headers: withKey, ...(payload && { payload }) });
interface Listed {
  readonly groups: readonly { readonly topic: string; readonly code: string; readonly count: number }[];
  readonly data: readonly { readonly id: number; readonly state: string; readonly offset: string }[];
  readonly hasMore: boolean;
}
const list = async (query = ''): Promise<Listed> => (await call('GET', query)).json<Listed>();
const idOf = async (offset: number, state = 'waiting'): Promise<number> =>
  (await list(`?state=${state}&limit=500`)).data.find((row) => row.offset === String(offset))?.id ?? 0;
const good = { from: 'a@acme.example', text: 'x', recipients: [{ email: 'ann@example.org' }] };

describe('The list of dead letters', () => {
  beforeEach(() =>
    store(
      letter(1),
      letter(2, { code: 'not-json' }),
      letter(3),
      letter(4, { topic: 'delivery-events', firstFailedAt: new Date('2026-02-01T00:00:00Z') }),
    ),
  );

  it('counts them by topic and code, and shows them newest first', async () => {
    const { groups, data, hasMore } = await list();
    expect(groups.map(({ topic, code, count }) => [topic, code, count])).toEqual([
      ['email-send', 'bad-shape', 2],
      ['delivery-events', 'bad-shape', 1],
      ['email-send', 'not-json', 1],
    ]);
    expect(data.map(({ offset }) => offset)).toEqual(['4', '3', '2', '1']);
    expect(hasMore).toBe(false);
  });

  it('can be narrowed and paged', async () => {
    const offsets = async (query: string) => (await list(query)).data.map(({ offset }) => offset);
    expect(await offsets('?code=not-json')).toEqual(['2']);
    expect(await offsets('?topic=delivery-events')).toEqual(['4']);
    expect(await offsets('?until=2026-01-15T00:00:00Z&topic=email-send&code=bad-shape')).toEqual(['3', '1']);
    const first = await list('?limit=3');
    expect(first.hasMore).toBe(true);
    expect(await offsets(`?limit=3&after=${first.data.at(-1)?.id ?? 0}`)).toEqual(['1']);
    expect((await call('GET', '?state=lost')).statusCode).toBe(422);
    expect((await call('GET', '?colour=red')).statusCode).toBe(400);
  });

  it('takes hostile filters for what they are: text', async () => {
    for (const code of [`' or 1=1 --`, '%', '_', '"; drop table dead_letters; --']) {
      expect((await list(`?code=${encodeURIComponent(code)}`)).data).toEqual([]);
    }
  });
});

it('shows one with its headers and payload, as bytes where it is no text', async () => {
  await store(letter(1), letter(2, { payload: Buffer.from([255, 0]) }));
  expect((await call('GET', `/${await idOf(1)}`)).json()).toMatchObject({
    ...{
      topic: 'email-send',
      partition: 3,
      offset: '1',
      cluster: 'cluster-1',
      code: 'bad-shape',
      attempts: 1,
      key: 'k',
    },
    ...{ encoding: 'utf8', payload: '{"from":1}', headers: { 'x-a': '1' }, replays: 0, replayedAt: null, bytes: 10 },
  });
  expect((await call('GET', `/${await idOf(2)}`)).json()).toMatchObject({ encoding: 'base64', payload: '/wA=' });
  expect((await call('GET', '/999999')).statusCode).toBe(404);
  expect((await call('GET', '/ann')).statusCode).toBe(422);
});

describe('Retrying one', () => {
  it('sends its bytes back with its origin, once', async () => {
    await store(letter(1));
    const id = await idOf(1);
    const answer = await call('POST', `/${id}/retry`);
    expect([answer.statusCode, answer.json()]).toEqual([
      202,
      { id, topic: 'email-send', retried: true, published: true },
    ]);
    expect(ingress.published).toEqual([
      {
        topic: 'email-send',
        key: 'k',
        value: letter(1).payload,
        headers: {
          ...{ 'x-a': '1', 'x-original-topic': 'email-send', 'x-original-partition': '3', 'x-original-offset': '1' },
          ...{ 'x-original-cluster': 'cluster-1', 'x-original-timestamp': '1700000000000', 'x-attempts': '1' },
          'x-first-failed-at': '2026-01-01T00:00:00.000Z',
        },
      },
    ]);
    expect((await database.pool.query('select from outbox')).rows).toEqual([]);
    const again = await call('POST', `/${id}/retry`);
    expect([again.statusCode, again.json()]).toEqual([200, expect.objectContaining({ retried: false })]);
    expect(ingress.published).toHaveLength(1);
    expect((await list('?state=replayed')).data.map((row) => row.id)).toEqual([id]);
  });

  it('is possible again once it has failed again', async () => {
    await store(letter(1));
    const id = await idOf(1);
    await call('POST', `/${id}/retry`);
    await store(letter(1, { attempts: 2, code: 'still-bad' }));
    expect((await call('POST', `/${id}/retry`)).json()).toMatchObject({ retried: true });
    expect(ingress.published.at(-1)?.headers).toMatchObject({ 'x-attempts': '2' });
    expect((await call('GET', `/${id}`)).json()).toMatchObject({ state: 'replayed', replays: 2 });
  });

  it('sends what was mended instead, if the topic can read it', async () => {
    await store(letter(1));
    const id = await idOf(1);
    const bad = await call('POST', `/${id}/retry`, { payload: { from: 1 } });
    expect([bad.statusCode, bad.json()]).toEqual([
      409,
      expect.objectContaining({
        errors: [expect.objectContaining({ pointer: '/payload', detail: expect.stringContaining('/from') })],
      }),
    ]);
    expect((await call('POST', `/${id}/retry`, { payload: '{"from"' })).statusCode).toBe(409);
    expect((await call('POST', `/${id}/retry`, { payload: 'x', payloadBase64: 'eA==' })).statusCode).toBe(422);
    expect((await call('POST', `/${id}/retry`, { topic: 'other' })).statusCode).toBe(400);
    expect(ingress.published).toEqual([]);
    expect((await call('POST', `/${id}/retry`, { payload: good })).statusCode).toBe(202);
    expect(JSON.parse(String(ingress.published[0]?.value))).toEqual(good);
    expect((await call('GET', `/${id}`)).json()).toMatchObject({ payload: JSON.stringify(good) });
  });

  it('leaves it in the outbox when Kafka is away', async () => {
    await store(letter(1));
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    const answer = await call('POST', `/${await idOf(1)}/retry`);
    expect([answer.statusCode, answer.json()]).toEqual([
      202,
      expect.objectContaining({ retried: true, published: false }),
    ]);
    await database.pool.query(`update outbox set due_at = now() - interval '1 s'`);
    const [row] = await takeOutbox(database.pool, 1);
    expect(row?.records).toEqual([expect.objectContaining({ topic: 'email-send', value: letter(1).payload })]);
  });

  it('sends it once when ten people ask at the same time', async () => {
    await store(letter(1));
    const id = await idOf(1);
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('POST', `/${id}/retry`)));
    expect(answers.filter((answer) => answer.json<{ retried: boolean }>().retried)).toHaveLength(1);
    expect(ingress.published).toHaveLength(1);
  });

  it('of a topic that nobody reads is refused', async () => {
    await store(letter(1, { topic: 'elsewhere' }));
    const answer = await call('POST', `/${await idOf(1)}/retry`);
    expect([answer.statusCode, answer.json()]).toEqual([
      409,
      expect.objectContaining({ detail: expect.stringContaining('Nothing reads the topic elsewhere') }),
    ]);
  });
});

describe('Retrying many', () => {
  beforeEach(() =>
    store(
      ...Array.from({ length: 250 }, (_, index) => letter(index)),
      letter(900, { code: 'not-json' }),
      letter(901, { topic: 'elsewhere' }),
    ),
  );

  it('only counts them with dryRun', async () => {
    const answer = await call('POST', '/retry', { code: 'bad-shape', dryRun: true });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { dryRun: true, matched: 250, retried: 0, published: true, unreadable: 1, remaining: 250 },
    ]);
    expect(ingress.published).toEqual([]);
  });

  it('sends back those that match, and on a second call none of them', async () => {
    const answer = await call('POST', '/retry', { code: 'bad-shape' });
    expect([answer.statusCode, answer.json()]).toEqual([
      202,
      { dryRun: false, matched: 250, retried: 250, published: true, unreadable: 1, remaining: 0 },
    ]);
    expect(new Set(ingress.published.map(({ headers }) => headers?.['x-original-offset'])).size).toBe(250);
    expect((await call('POST', '/retry', { code: 'bad-shape' })).json()).toMatchObject({ matched: 0, retried: 0 });
    expect((await call('POST', '/retry')).json()).toMatchObject({ matched: 1, retried: 1 });
    expect(ingress.published).toHaveLength(251);
  });

  it('takes ids', async () => {
    const ids = [await idOf(7), await idOf(8), 999_999];
    expect((await call('POST', '/retry', { ids })).json()).toMatchObject({ matched: 2, retried: 2 });
  });
});

describe('Discarding one', () => {
  it('removes what it held for good, even when its record is read again', async () => {
    await store(letter(1));
    const id = await idOf(1);
    expect((await call('DELETE', `/${id}`)).statusCode).toBe(204);
    expect((await call('DELETE', `/${id}`)).statusCode).toBe(404);
    expect((await list()).data).toEqual([]);
    await store(letter(1), letter(1, { attempts: 9 }));
    expect((await call('GET', `/${id}`)).json()).toMatchObject({
      ...{ state: 'discarded', payload: '', headers: {}, key: null },
    });
    expect((await call('POST', `/${id}/retry`)).statusCode).toBe(404);
    expect((await call('POST', '/retry')).json()).toMatchObject({ retried: 0 });
  });
});

it('is closed to everyone but an admin of the fleet', async () => {
  await store(letter(1));
  const id = await idOf(1);
  const answers = await Promise.all([
    call('GET', '', undefined, others),
    call('GET', `/${id}`, undefined, others),
    call('POST', `/${id}/retry`, undefined, others),
    call('POST', '/retry', undefined, others),
    call('DELETE', `/${id}`, undefined, others),
  ]);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 403, 403, 403, 403]);
  const unsigned = await ingress.app.inject({ method: 'GET', url: '/v1/dead-letters' });
  expect(unsigned.statusCode).toBe(401);
});

import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { erasureTicker, retentionTicker } from '../../../consumers/scheduler/ticker-retention.ts';
import { insertAndClaim, lockDueMessages } from '../../../shared/db/claim-messages.ts';
import { storeDeadLetters } from '../../../shared/db/dead-letters.ts';
import { beginErasure, loadErasure } from '../../../shared/db/erase-recipient.ts';
import { ensureEventPartitions } from '../../../shared/db/event-partitions.ts';
import { takeOutbox } from '../../../shared/db/outbox.ts';
import { recordAnswers } from '../../../shared/db/record-answers.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { aMessage, alterMessage, aRequest, storedMessage, useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
const removed: string[] = [];
const outcomeTopic = 'email-outcomes';
const tickers = () => {
  removed.length = 0;
  const deps = {
    pool: database.pool,
    blobs: {
      put: () => Promise.resolve(),
      get: () => Promise.resolve(undefined),
      remove: (key: string) => {
        removed.push(key);
        return Promise.resolve();
      },
    },
    log: createLog({ name: 'test', level: 'silent' }),
    days: { bodies: 30, events: 90, deadLetters: 90 },
  };
  return { retention: retentionTicker(deps), erasures: erasureTicker({ ...deps, outcomeTopic }) };
};
const letter = (offset: number, payload: unknown) => ({
  ...{ topic: 'email-send', partition: 0, offset: String(offset), epoch: 'c', consumer: 'email-send' },
  ...{ code: 'x', reason: 'x', attempts: 1, recordKey: 'k', headers: {}, firstFailedAt: new Date() },
  payload: Buffer.from(JSON.stringify(payload)),
});
/** Everything the database holds, as text. */
const dump = async (): Promise<string> => {
  const { rows } = await database.pool.query<{ name: string }>(
    `select relname as name from pg_class where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace`,
  );
  const tables = await Promise.all(
    rows.map(async ({ name }) => {
      // Bytes as text, so that nothing hides in them.
      const found = await database.pool.query<{ row: string }>(
        `select replace(row_to_json(t)::text, '\\\\x', '') as row from "${name}" t`,
      );
      return `${name}\n${found.rows.map(({ row }) => row).join('\n')}`;
    }),
  );
  return tables.join('\n').toLowerCase();
};
const hex = (text: string): string => Buffer.from(text).toString('hex');

describe('Old data', () => {
  const store = async (id: string, days: number, set: string): Promise<string> => {
    await insertRequests(database.pool, [
      aRequest(id, { content: { from: 'a@b.example', text: 'SECRET', contentRef: `content/${id}.json` } }),
    ]);
    const message = aMessage({ requestId: id, name: 'Ann', data: { substitutions: { code: 'SECRET' } } });
    await insertAndClaim(database.pool, [message], randomUUID());
    await alterMessage(database.pool, message.id, set);
    await database.pool.query(`update requests set created_at = now() - $2::int * interval '1 day' where id = $1`, [
      id,
      days,
    ]);
    return message.id;
  };

  it('loses its bodies after 30 days, unless something is still to be sent', async () => {
    const { retention } = tickers();
    const old = await store('old', 31, `status = 'delivered'`);
    await store('young', 29, `status = 'delivered'`);
    await store('waiting', 31, `status = 'scheduled', due_at = now() + interval '1 day'`);
    expect(await retention.tick()).toBe(false);
    expect(removed).toEqual(['content/old.json']);
    const { rows } = await database.pool.query(
      `select id, content ? 'text' as has_body, body_purged_at is not null as is_purged from requests order by id`,
    );
    expect(rows).toEqual([
      { id: 'old', has_body: false, is_purged: true },
      { id: 'waiting', has_body: true, is_purged: false },
      { id: 'young', has_body: true, is_purged: false },
    ]);
    expect(await storedMessage(database.pool, old)).toMatchObject({ data: null, name: null, status: 'delivered' });
    await database.pool.query(`update messages set status = 'sent' where request_id = 'waiting'`);
    await retention.tick();
    expect((await dump()).match(/secret/g)).toHaveLength(2);
  });

  it('loses events by the day, and dead letters', async () => {
    const { retention } = tickers();
    await ensureEventPartitions(database.pool, 1, 100);
    const daysOf = async (): Promise<number> =>
      (await database.pool.query(`select from pg_class where relname ~ '^events_[0-9]{8}$'`)).rows.length;
    await database.pool.query(
      `insert into events (esp, event_day, event_hash, type, at, domain)
       select 'alpha', (now() at time zone 'utc')::date - d, gen_random_uuid(), 'delivered', now(), 'x.example'
       from unnest(array[0, 90, 91, 500]) d`,
    );
    await storeDeadLetters(database.pool, [letter(1, 'old'), letter(2, 'young')]);
    await database.pool.query(`update dead_letters set stored_at = now() - interval '91 days' where "offset" = 1`);
    const before = await daysOf();
    await retention.tick();
    expect(before - (await daysOf())).toBe(10);
    expect((await database.pool.query('select from events')).rows).toHaveLength(2);
    expect((await database.pool.query('select "offset" from dead_letters')).rows).toEqual([{ offset: '2' }]);
  });
});

describe('Erasing a recipient', () => {
  const canary = 'Canary.Bird@example.org';
  const own = async (accountId = 'admin') => {
    const waiting = aMessage({
      requestId: 'r1',
      accountId,
      email: canary,
      name: 'Canary Bird',
      data: { metadata: { to: canary } },
    });
    const copied = aMessage({
      requestId: 'r2',
      accountId,
      position: 1,
      data: { cc: [`Birdie <${canary.toLowerCase()}>`, 'c@x.example'], substitutions: { by: `told by ${canary}` } },
    });
    const alone = { content: { from: 'a@b.example', text: `Dear ${canary}`, contentRef: 'content/r1.json' } };
    await insertRequests(database.pool, [
      aRequest('r1', { accountId, ...alone }),
      aRequest('r2', { accountId, total: 2 }),
    ]);
    const token = randomUUID();
    await insertAndClaim(database.pool, [waiting, copied], token);
    return { waiting, copied, token };
  };
  const cancelled = {
    ...{ status: 'cancelled', email: 'erased@erased.invalid', reason: 'The recipient was erased.' },
  };
  const toldOf = async (id: string): Promise<unknown[]> =>
    (await takeOutbox(database.pool, 100))
      .flatMap(({ records }) => records)
      .filter(({ topic, key }) => topic === outcomeTopic && key === `msg_${id}`)
      .map(({ value }): unknown => JSON.parse(value.toString()));
  const runToTheEnd = async (): Promise<void> => {
    const { erasures } = tickers();
    while (await erasures.tick());
  };

  it('leaves nothing of the address in any table, and everything else as it was', async () => {
    const { waiting, copied } = await own();
    await alterMessage(database.pool, waiting.id, `status = 'delivered', lease_token = null, lease_until = null`);
    await storeDeadLetters(database.pool, [
      letter(1, { from: 'a@b.example', recipients: [{ email: canary }] }),
      letter(2, { from: 'a@b.example', recipients: [{ email: canary }, { email: 'ben@example.org' }] }),
      letter(3, { from: 'a@b.example', recipients: [{ email: 'ben@example.org' }] }),
    ]);
    expect(await dump()).toContain(canary.toLowerCase());
    const { contentRefs, id } = await beginErasure(database.pool, {
      accountId: undefined,
      email: 'CANARY.bird@example.org',
      requestedBy: 'admin',
    });
    expect(contentRefs).toEqual(['content/r1.json']);
    await runToTheEnd();
    const left = await dump();
    for (const form of [canary, 'canary bird', hex(canary), hex(canary.toLowerCase())]) {
      expect(left).not.toContain(form.toLowerCase());
    }
    expect(await loadErasure(database.pool, id, undefined)).toMatchObject({
      ...{ messages: 1, copies: 1, deadLetters: 2, doneAt: expect.any(Date) },
    });
    expect(await storedMessage(database.pool, waiting.id)).toMatchObject({
      status: 'delivered',
      email: 'erased@erased.invalid',
    });
    expect(await storedMessage(database.pool, copied.id)).toMatchObject({
      email: copied.email,
      data: { cc: ['c@x.example'], substitutions: { by: 'told by erased@erased.invalid' } },
    });
    const { rows } = await database.pool.query<{ payload: Buffer }>(
      'select payload from dead_letters order by "offset"',
    );
    expect(rows.map(({ payload }) => payload.toString())).toEqual([
      '',
      '{"from":"a@b.example","recipients":[{"email":"ben@example.org"}]}',
      '{"from":"a@b.example","recipients":[{"email":"ben@example.org"}]}',
    ]);
  });

  it('cancels what waits, also what comes back from an ESP meanwhile, and sends nothing to the erased address', async () => {
    const { waiting, token } = await own();
    await beginErasure(database.pool, { accountId: undefined, email: canary, requestedBy: 'admin' });
    expect(await storedMessage(database.pool, waiting.id)).toMatchObject({ status: 'sending' });
    const { erasures } = tickers();
    while (await erasures.tick());
    await recordAnswers(database.pool, [
      {
        ...{ id: waiting.id, attempt: 1, leaseToken: token, esp: waiting.esp, error: 'busy', step: 'retry' as const },
        ...{ providerMessageId: null, waitMs: 0, nextEsp: null, leaseMs: 1_000 },
      },
    ]);
    expect(await lockDueMessages(database.pool, [waiting.id])).toEqual([]);
    while (await erasures.tick());
    expect(await storedMessage(database.pool, waiting.id)).toMatchObject({
      status: 'cancelled',
      reason: 'The recipient was erased.',
    });
    expect(await toldOf(waiting.id)).toEqual([expect.objectContaining(cancelled)]);
  });

  it('tells at once that what waited is cancelled, and to whom it was no more', async () => {
    const { waiting } = await own();
    await alterMessage(database.pool, waiting.id, `status = 'queued', lease_token = null, lease_until = null`);
    await beginErasure(database.pool, { accountId: undefined, email: canary, requestedBy: 'admin' }, outcomeTopic);
    await runToTheEnd();
    expect(await toldOf(waiting.id)).toEqual([expect.objectContaining(cancelled)]);
  });

  it('of one account leaves the mail of others alone', async () => {
    const { waiting } = await own('other');
    await storeDeadLetters(database.pool, [
      letter(1, { accountId: 'other', from: 'a@b.example', recipients: [{ email: canary }] }),
      letter(2, { accountId: 'acme', from: 'a@b.example', recipients: [{ email: canary }] }),
    ]);
    const { id } = await beginErasure(database.pool, { accountId: 'acme', email: canary, requestedBy: 'acme' });
    await runToTheEnd();
    expect(await storedMessage(database.pool, waiting.id)).toMatchObject({ email: canary });
    expect(await loadErasure(database.pool, id, 'acme')).toMatchObject({ messages: 0, copies: 0, deadLetters: 1 });
    expect(await loadErasure(database.pool, id, 'other')).toBeUndefined();
  });
});

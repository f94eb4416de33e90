import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  contentPurge,
  dueTicker,
  keyPurge,
  outboxTicker,
  reaper,
  wakeTicker,
} from '../../../consumers/scheduler/tickers.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import { sendRecord } from '../../../shared/contracts/email.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { writeOutbox } from '../../../shared/db/outbox.ts';
import { noteRecovery } from '../../../shared/db/esp-health.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import type { OutgoingRecord } from '../../../shared/runtime/records.ts';
import { aMessage, alterMessage, aRequest, storedMessage, useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();

const world = () => {
  const published: OutgoingRecord[] = [];
  const removed: string[] = [];
  let isAway = false;
  const deps = {
    get pool() {
      return database.pool;
    },
    publisher: {
      publish: (records: readonly OutgoingRecord[]) => {
        if (isAway) return Promise.reject(new InfrastructureError('kafka-away', 'away'));
        published.push(...records);
        return Promise.resolve();
      },
      connect: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    topics: topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })),
    blobs: {
      put: () => Promise.resolve(),
      get: () => Promise.resolve(undefined),
      remove: (key: string) => {
        removed.push(key);
        return Promise.resolve();
      },
    },
    log: createLog({ name: 'test', level: 'silent' }),
  };
  return {
    deps,
    published,
    removed,
    setAway: (away: boolean) => {
      isAway = away;
    },
  };
};
const store = async (requestId: string, set: string): Promise<string> => {
  const message = aMessage({ requestId });
  await insertAndClaim(database.pool, [message], randomUUID());
  await alterMessage(database.pool, message.id, set);
  return message.id;
};
const due = `status = 'queued', due_at = now() - interval '1 s', lease_token = null, lease_until = null`;
const idsIn = (records: readonly OutgoingRecord[]): string[] =>
  records.flatMap(({ value }) => {
    const record = sendRecord.parse(JSON.parse(value.toString()));
    return 'due' in record ? record.due : [];
  });

describe('The scheduler', () => {
  it('publishes what is due on the topic of its lane, once', async () => {
    const { deps, published } = world();
    await insertRequests(database.pool, [aRequest('r'), aRequest('bulk', { lane: 'email-send-bulk' })]);
    const [one, other] = [await store('r', due), await store('bulk', due)];
    const ticker = dueTicker(deps);
    await ticker.tick();
    await ticker.tick();
    expect(published.map(({ topic, key }) => [topic, key]).sort()).toEqual([
      ['email-send', one],
      ['email-send-bulk', other],
    ]);
    expect(idsIn(published).sort()).toEqual([one, other].sort());
  });

  it('publishes it again when Kafka was away, once nobody can have it any more', async () => {
    const { deps, published, setAway } = world();
    await insertRequests(database.pool, [aRequest('r')]);
    const id = await store('r', due);
    setAway(true);
    await expect(dueTicker(deps).tick()).rejects.toBeInstanceOf(InfrastructureError);
    setAway(false);
    await dueTicker(deps).tick();
    expect(published).toEqual([]);
    await alterMessage(database.pool, id, `lease_until = now() - interval '1 s'`);
    await dueTicker(deps).tick();
    expect(idsIn(published)).toEqual([id]);
  });

  it('turns a claim that ran out into unknown, and what is unknown for too long into one that is due again', async () => {
    const { deps, published } = world();
    await insertRequests(database.pool, [aRequest('r')]);
    const id = await store('r', `lease_until = now() - interval '1 s'`);
    const ticker = reaper(deps);
    await ticker.tick();
    expect((await storedMessage(database.pool, id)).status).toBe('unknown');
    await outboxTicker(deps).tick();
    expect(published.map(({ topic, value }): unknown[] => [topic, JSON.parse(value.toString())])).toEqual([
      ['email-outcomes', expect.objectContaining({ status: 'unknown', requestId: 'r', messageId: `msg_${id}` })],
    ]);
    published.length = 0;
    await alterMessage(database.pool, id, `due_at = now() - interval '1 s'`);
    await ticker.tick();
    // Whoever claims it decides whether it may come twice: not by a repeat of the very same call.
    expect(await storedMessage(database.pool, id)).toMatchObject({ status: 'queued', duplicate_suspected: false });
    const { rows } = await database.pool.query('select unsure_attempt from messages where id = $1', [id]);
    expect(rows).toEqual([{ unsure_attempt: 1 }]);
    await dueTicker(deps).tick();
    expect(idsIn(published)).toEqual([id]);
  });

  it('wakes what waited for an ESP that is back, once', async () => {
    const { deps } = world();
    await insertRequests(database.pool, [aRequest('r')]);
    const waits = `status = 'queued', attempt = 3, due_at = now() + interval '10 minutes', updated_at = now() - interval '1 minute'`;
    const id = await store('r', waits);
    const dueInMs = async (): Promise<number> => (await storedMessage(database.pool, id)).due_in_ms ?? Infinity;
    const ticker = wakeTicker(deps);
    await ticker.tick();
    expect(await dueInMs()).toBeGreaterThan(60_000);
    await noteRecovery(database.pool, 'ses');
    await ticker.tick();
    expect(await dueInMs()).toBeLessThanOrEqual(2_000);
    await alterMessage(database.pool, id, waits.replace("- interval '1 minute'", ''));
    await ticker.tick();
    expect(await dueInMs()).toBeGreaterThan(60_000);
  });

  it('removes large content after its last use, and never before', async () => {
    const { deps, removed } = world();
    const heavy = (id: string) => aRequest(id, { content: { from: 'a@b.example', contentRef: `content/${id}.json` } });
    await insertRequests(database.pool, [heavy('new'), heavy('old'), heavy('waiting'), aRequest('light')]);
    await store('old', `status = 'sent', lease_token = null`);
    await store('waiting', due);
    await database.pool.query(`update requests set created_at = now() - interval '9 days' where id <> 'new'`);
    await contentPurge(deps).tick();
    await contentPurge(deps).tick();
    expect(removed).toEqual(['content/old.json']);
  });

  it('forgets idempotency keys after two days, and comes again at once while there are more', async () => {
    const { deps } = world();
    await database.pool.query(
      `insert into idempotency_keys (account_id, key_hash, body_hash, request_id, is_done, locked_until, created_at)
       select 'admin', int4send(n), '\\x00', 'req_' || n, true, now() - interval '8 days',
              now() - case when n <= 1500 then interval '49 hours' else interval '47 hours' end
       from generate_series(1, 1600) n`,
    );
    const ticker = keyPurge(deps);
    expect([await ticker.tick(), await ticker.tick(), await ticker.tick()]).toEqual([true, false, false]);
    const { rows } = await database.pool.query<{ n: string }>('select count(*) as n from idempotency_keys');
    expect(rows).toEqual([{ n: '100' }]);
  });
});

describe('The outbox', () => {
  const record = (value: string | Buffer, key = 'k'): OutgoingRecord => ({
    topic: 't',
    key,
    value,
    headers: { h: '1' },
  });
  const waiting = async (): Promise<number> => (await database.pool.query('select id from outbox')).rows.length;
  const makeDue = () => database.pool.query(`update outbox set due_at = now() - interval '1 s'`);

  it('is published byte by byte as it was written, then emptied', async () => {
    const { deps, published } = world();
    const records = [record('{"a":"ä\u0001"}'), record(Buffer.from([0, 255, 128])), record('')];
    await writeOutbox(database.pool, records, 0);
    expect(await outboxTicker(deps).tick()).toBe(false);
    expect(published).toEqual(records);
    expect(await waiting()).toBe(0);
  });

  it('is left to its writer for as long as it was asked', async () => {
    const { deps, published } = world();
    await writeOutbox(database.pool, [record('x')], 60_000);
    await outboxTicker(deps).tick();
    expect(published).toEqual([]);
    await makeDue();
    await outboxTicker(deps).tick();
    expect(published).toHaveLength(1);
  });

  it('comes to the same records of outcomes as their writer, in rows of which the publisher takes many at once', async () => {
    const { deps, published } = world();
    const messages = Array.from({ length: 1_200 }, (_, position) =>
      aMessage({ position, email: `u${position}@x.example` }),
    );
    await insertAndClaim(database.pool, messages, randomUUID());
    const changes = messages.map((message, index) => ({
      ...{ ...message, attempt: 1, at: new Date(1_700_000_000_000 + (index % 3)) },
      ...(index % 2 === 0 ? { status: 'sent', reason: null } : { status: 'failed', reason: `No ${index % 5}.` }),
    }));
    const rows = await writeOutbox(database.pool, [record('x')], 0, { topic: 'email-outcomes', changes });
    expect(rows.map(({ records }) => records.length)).toEqual([501, 500, 200]);
    await outboxTicker(deps).tick();
    const inOrder = (all: readonly OutgoingRecord[]) => all.map((one) => JSON.stringify([one.key, one.value])).sort();
    expect(inOrder(published)).toEqual(inOrder(rows.flatMap(({ records }) => records)));
  });

  it('keeps what Kafka did not take, and publishes it at a later tick', async () => {
    const { deps, published, setAway } = world();
    await writeOutbox(database.pool, [record('x')], 0);
    setAway(true);
    await expect(outboxTicker(deps).tick()).rejects.toThrow('away');
    expect(await waiting()).toBe(1);
    setAway(false);
    await makeDue();
    await outboxTicker(deps).tick();
    expect(published).toEqual([record('x')]);
    expect(await waiting()).toBe(0);
  });

  it('is shared by two sweepers without a row published twice', async () => {
    const [one, two] = [world(), world()];
    const records = Array.from({ length: 40 }, (_, index) => record('x'.repeat(900_000), `k${index}`));
    await writeOutbox(database.pool, records, 0);
    await Promise.all([outboxTicker(one.deps).tick(), outboxTicker(two.deps).tick()]);
    const keys = [...one.published, ...two.published].map(({ key }) => key).sort();
    expect(keys).toEqual(records.map(({ key }) => key).sort());
  });
});

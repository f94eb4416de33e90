import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { deliveryEvents } from '../../../consumers/delivery-events/consumer.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import type { DeliveryEvent, DeliveryRecord } from '../../../shared/contracts/delivery.ts';
import { producerHeaders, topicsOf } from '../../../shared/contracts/topics.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { loadDomain } from '../../../shared/db/domain-counters.ts';
import { loadTotals } from '../../../shared/db/domain-totals.ts';
import { takeOutbox } from '../../../shared/db/outbox.ts';
import { outcomeRecord } from '../../../shared/contracts/outcome.ts';
import { verdictRecord } from '../../../shared/contracts/verdict.ts';
import { loadDelays } from '../../../shared/db/outcome-delays.ts';
import { judgeDomain } from '../../../shared/domain/judge-domain.ts';
import { publicMessageId } from '../../../shared/domain/request-ids.ts';
import { FenceError } from '../../../shared/errors.ts';
import type { Incoming } from '../../../shared/runtime/define-consumer.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { aMessage, alterMessage, storedMessage, storedTotals, useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
const consumerOn = (pool: typeof database.pool, epoch = 0) =>
  deliveryEvents({
    topic: topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })).delivery,
    pool,
    log: createLog({ name: 'test', level: 'silent' }),
    metrics: createMetrics('test'),
    epoch,
    deliveredThreshold: 1_000,
    verdictTopic: 'domain-verdicts',
    outcomeTopic: 'email-outcomes',
    tell: () => undefined,
  });

/** Records of one partition, from the given offset on. */
const placed = (values: readonly DeliveryRecord[], first = 0): Incoming<DeliveryRecord>[] =>
  values.map((value, index) => ({
    value,
    raw: Buffer.from(JSON.stringify(value)),
    key: undefined,
    headers: {},
    offset: BigInt(first + index),
    timestampMs: 1_700_000_000_000 + first + index,
  }));
const handle = (records: readonly Incoming<DeliveryRecord>[], { partition = 0, epoch = 0, end = 0n } = {}) =>
  consumerOn(database.pool, epoch).handleBatch(records, {
    topic: 'delivery-events',
    partition,
    cluster: 'cluster-1',
    highWatermark: end > 0n ? end : (records.at(-1)?.offset ?? -1n) + 1n,
    signal: new AbortController().signal,
  });

const producer = '00000000-0000-7000-8000-000000000001';
/** The same records with their producer's numbers, from the given one on. */
const numbered = (records: readonly Incoming<DeliveryRecord>[], first: number): Incoming<DeliveryRecord>[] =>
  records.map((record, index) => ({
    ...record,
    headers: { [producerHeaders.producer]: producer, [producerHeaders.sequence]: String(first + index) },
  }));

const delivered: DeliveryEvent = { domain: 'example.org', type: 'delivered' };
const bounced: DeliveryEvent = { domain: 'example.org', type: 'bounced' };
const sent = async (): Promise<string> => {
  const message = aMessage();
  await insertAndClaim(database.pool, [message], randomUUID());
  await alterMessage(database.pool, message.id, `status = 'sent', lease_token = null, lease_until = null`);
  return message.id;
};
const about = (id: string, type: DeliveryEvent['type'], more: Partial<DeliveryEvent> = {}): DeliveryEvent => ({
  domain: 'example.org',
  type,
  id: `${type}:${id}`,
  messageId: publicMessageId(id),
  esp: 'sendgrid',
  at: '2026-01-01T00:00:00Z',
  ...more,
});
/** All that waits in the outbox, whoever is to publish it. */
const takeOutboxNow = async (pool: typeof database.pool) => {
  await pool.query(`update outbox set due_at = now()`);
  return takeOutbox(pool, 100);
};
/** Everything that counting the same records twice could change. */
const everything = async (): Promise<unknown> => {
  const of = async (statement: string): Promise<unknown[]> =>
    (await database.pool.query<Record<string, unknown>>(statement)).rows;
  return {
    events: await of('select esp, event_day, event_hash, message_id, type from events order by event_hash'),
    messages: await of('select id, status, opens, clicks, attempt from messages order by id'),
    statistics: await of('select * from esp_statistics order by esp, minute'),
    cohorts: await of('select * from esp_cohorts order by esp, sent_at'),
    espTotals: await of('select * from esp_totals order by esp'),
    delays: await of('select * from outcome_delays order by esp, bucket'),
    domains: await of('select domain, delivered, bounced, first_bounce_at from domain_counters order by domain'),
    totals: await of('select * from domain_totals order by shard'),
    outbox: await of('select records from outbox order by id'),
    fence: await of('select partition, next_offset, last_timestamp from consumer_offsets order by partition'),
  };
};

describe('Delivery events', () => {
  it.each([
    [999, 0, 'unknown'],
    [1_000, 0, 'unknown'],
    [1_001, 0, 'catch-all'],
    [1_001, 1, 'not-catch-all'],
  ] as const)('of %d deliveries and %d bounces make the domain %s', async (deliveries, bounces, verdict) => {
    const all = [...Array<DeliveryEvent>(deliveries).fill(delivered), ...Array<DeliveryEvent>(bounces).fill(bounced)];
    await handle(placed(all.slice(0, 700)));
    await handle(placed(all.slice(700), 700));
    const counted = await loadDomain(database.pool, 'example.org');
    expect(counted).toMatchObject({ delivered: deliveries, bounced: bounces });
    expect(judgeDomain(counted ?? { delivered: 0, bounced: 0 }, 1_000)).toBe(verdict);
  });

  it('change nothing when the same records come again, whole or in part', async () => {
    const id = await sent();
    const records = placed([
      delivered,
      { ...bounced, count: 7 },
      { events: [about(id, 'delivered'), about(id, 'opened'), delivered] },
      about(id, 'complained'),
    ]);
    await handle(records);
    const before = await everything();
    for (const again of [records, records.slice(0, 2), records.slice(1), records.slice(3)])
      await handle(again, { end: 4n });
    expect(await everything()).toEqual(before);
    await handle([...records, ...placed([delivered], 4)]);
    expect((await loadDomain(database.pool, 'example.org'))?.delivered).toBe(4);
  });

  it('that their producer sent again count once: in one batch, in a later one, and beside those of others', async () => {
    const three = [delivered, { events: [delivered, bounced] }, { ...delivered, count: 10 }];
    await handle([...numbered(placed(three), 1), ...numbered(placed(three, 3), 1), ...placed([delivered], 6)]);
    await handle([...numbered(placed(three, 7), 1), ...numbered(placed([delivered], 10), 4)]);
    expect(await loadDomain(database.pool, 'example.org')).toMatchObject({ delivered: 14, bounced: 1 });
    // Another partition has marks of its own: a producer's numbers grow within a key, and a key has one partition.
    await handle(numbered(placed([delivered]), 2), { partition: 1 });
    expect(await loadDomain(database.pool, 'example.org')).toMatchObject({ delivered: 15 });
  });

  it('tell each change of a state once, by records in the same row as the verdicts', async () => {
    const [one, other] = [await sent(), await sent()];
    const records = placed([
      about(one, 'delivered', { at: '2026-01-01T00:00:01Z' }),
      about(one, 'opened', { at: '2026-01-01T00:00:02Z' }),
      about(other, 'deferred', { at: '2026-01-01T00:00:03Z', reason: 'Try later.' }),
      { ...delivered, domain: 'often.example', count: 1_001 },
    ]);
    await handle(records);
    await handle(records);
    await handle(placed([about(one, 'bounced', { reason: 'Gone.' }), about(one, 'delivered', { id: 'again' })], 4));
    const rows = await takeOutboxNow(database.pool);
    expect(rows.map((row) => row.records.map(({ topic }) => topic))).toEqual([
      ['domain-verdicts', 'email-outcomes', 'email-outcomes'],
      // A hard bounce at its domain.
      ['domain-verdicts', 'email-outcomes'],
    ]);
    const told = rows
      .flatMap((row) => row.records)
      .filter(({ topic }) => topic === 'email-outcomes')
      .map(({ value }) => outcomeRecord.parse(JSON.parse(value.toString())));
    expect(told.map(({ messageId, status, at, reason }) => [messageId, status, at, reason]).sort()).toEqual(
      [
        [publicMessageId(one), 'bounced', '2026-01-01T00:00:00.000Z', 'Gone.'],
        [publicMessageId(one), 'delivered', '2026-01-01T00:00:01.000Z', null],
        [publicMessageId(other), 'deferred', '2026-01-01T00:00:03.000Z', 'Try later.'],
      ].sort(),
    );
  });

  it('tell each change of a verdict by one record in the outbox, which belongs to the counting', async () => {
    await handle(
      placed([
        { ...delivered, count: 1_001 },
        { ...bounced, domain: 'b.example' },
      ]),
    );
    await handle(
      placed([
        { ...delivered, count: 1_001 },
        { ...bounced, domain: 'b.example' },
      ]),
      { end: 2n },
    );
    await handle(placed([bounced, delivered], 2));
    const rows = await takeOutboxNow(database.pool);
    const told = rows.flatMap(({ records }) =>
      records.map(({ value }) => verdictRecord.parse(JSON.parse(String(value)))),
    );
    expect(told.map(({ domain, from, to, change }) => [domain, from, to, change])).toEqual([
      ['b.example', 'unknown', 'not-catch-all', 1],
      ['example.org', 'unknown', 'catch-all', 1],
      ['example.org', 'catch-all', 'not-catch-all', 2],
    ]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(3);
    expect(await loadTotals(database.pool)).toMatchObject({ catchAll: 0, notCatchAll: 2, unknown: 0 });
  });

  it('with ids count once, on whatever partition and however often they come', async () => {
    const ids = await Promise.all([sent(), sent(), sent()]);
    const events = ids.flatMap((id) => [about(id, 'delivered'), about(id, 'opened'), about(id, 'clicked')]);
    for (let copy = 0; copy < 5; copy += 1) {
      await handle(placed([...events, { events: [...events].reverse() }], copy * 20), { partition: copy % 2 });
    }
    expect(await storedTotals(database.pool)).toMatchObject({
      sendgrid: { delivered: 3, opened: 3, clicked: 3, bounced: 0 },
    });
    for (const id of ids)
      expect(await storedMessage(database.pool, id)).toMatchObject({ status: 'delivered', opens: 1, clicks: 1 });
    expect((await loadDomain(database.pool, 'example.org'))?.delivered).toBe(3);
  });

  it('come to the same in any order and any batches', async () => {
    const results: unknown[] = [];
    for (const order of ['dboc', 'cobd', 'bdco', 'odcb']) {
      const id = await sent();
      const typeOf: Record<string, DeliveryEvent['type']> = {
        d: 'delivered',
        b: 'bounced',
        o: 'opened',
        c: 'complained',
      };
      const before = await storedTotals(database.pool);
      let offset = results.length * 100;
      for (const letter of order) {
        await handle(placed([about(id, typeOf[letter] ?? 'failed')], offset));
        offset += 1;
      }
      const { status, opens } = await storedMessage(database.pool, id);
      const now = (await storedTotals(database.pool))['sendgrid'];
      const outcomes = ['delivered', 'opened', 'bounced', 'complained'] as const;
      const grown = outcomes.map((name) => (now?.[name] ?? 0) - (before['sendgrid']?.[name] ?? 0));
      results.push({ status, opens, grown });
    }
    expect(results[0]).toEqual({ status: 'complained', opens: 1, grown: [1, 1, 1, 1] });
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it('of one kind told again under another id count once, though the message has moved on since', async () => {
    const id = await sent();
    const again = (type: DeliveryEvent['type']) => about(id, type, { id: `again:${type}:${id}` });
    await handle(placed([about(id, 'delivered'), about(id, 'bounced')]));
    await handle(placed([again('delivered'), about(id, 'complained')], 2));
    await handle(placed([again('bounced'), again('complained'), again('delivered')], 4));
    expect(await storedTotals(database.pool)).toMatchObject({
      sendgrid: { delivered: 1, bounced: 1, complained: 1 },
    });
  });

  it('settle an attempt whose answer was lost, before anybody sends it again', async () => {
    const id = await sent();
    await alterMessage(database.pool, id, `status = 'unknown', due_at = now() + interval '1 min'`);
    await handle(placed([about(id, 'delivered')]));
    expect(await storedMessage(database.pool, id)).toMatchObject({ status: 'delivered', due_in_ms: null });
    expect(await storedTotals(database.pool)).toMatchObject({ sendgrid: { sent: 1, delivered: 1 } });
  });

  it('of two ESPs for one message are credited to each, in the minute of the message’s send', async () => {
    const id = await sent();
    await alterMessage(database.pool, id, `esp = 'postmark', claimed_at = '2026-01-01T10:20:30Z'`);
    await handle(
      placed([
        about(id, 'delivered', { esp: 'sendgrid', at: '2026-01-02T00:00:00Z' }),
        about(id, 'opened', { esp: 'postmark', at: '2026-01-03T00:00:00Z' }),
        about(id, 'clicked', { esp: undefined, id: 'without an ESP' }),
      ]),
    );
    const { rows } = await database.pool.query(
      `select esp, minute, delivered::int, opened::int, clicked::int from esp_statistics order by esp`,
    );
    const minute = new Date('2026-01-01T10:20:00Z');
    expect(rows).toEqual([
      { esp: 'postmark', minute, delivered: 0, opened: 1, clicked: 1 },
      { esp: 'sendgrid', minute, delivered: 1, opened: 0, clicked: 0 },
    ]);
  });

  it('of a message that nobody knows are kept, and break nothing', async () => {
    const id = await sent();
    await handle(
      placed([
        about(randomUUID(), 'delivered'),
        { ...about(id, 'delivered'), messageId: 'foreign' },
        about(id, 'bounced'),
      ]),
    );
    expect((await storedMessage(database.pool, id)).status).toBe('bounced');
    const { rows } = await database.pool.query('select 1 from events');
    expect(rows).toHaveLength(3);
  });

  it('with a domain that is none go to the dead letters, also when the batch comes again', async () => {
    const records = placed([delivered, { ...delivered, domain: 'a b' }, delivered]);
    const kinds = async () => (await handle(records)).map((outcome) => outcome.kind);
    expect(await kinds()).toEqual(['done', 'reject', 'done']);
    // The first time, Kafka may have been away when the dead letter was to be published.
    expect(await kinds()).toEqual(['done', 'reject', 'done']);
    expect((await loadDomain(database.pool, 'example.org'))?.delivered).toBe(2);
  });

  it('of a topic made anew are refused, until an operator raises the epoch', async () => {
    await handle(placed(Array<DeliveryEvent>(10).fill(delivered)));
    await expect(handle(placed([delivered]))).rejects.toBeInstanceOf(FenceError);
    expect((await loadDomain(database.pool, 'example.org'))?.delivered).toBe(10);
    await handle(placed([delivered]), { epoch: 1 });
    expect((await loadDomain(database.pool, 'example.org'))?.delivered).toBe(11);
  });

  it('are counted all or not at all when something fails half-way', async () => {
    const id = await sent();
    const records = placed([delivered, about(id, 'delivered')]);
    const before = await everything();
    const failing: typeof database.pool = {
      ...database.pool,
      query: (text, values) => database.pool.query(text, values),
      end: () => Promise.resolve(),
      transaction: (work) =>
        database.pool.transaction(async (db) => {
          await work(db);
          throw new Error('killed before the commit');
        }),
    };
    const consumer = consumerOn(failing);
    const context = {
      topic: 'delivery-events',
      partition: 0,
      cluster: 'cluster-1',
      highWatermark: 2n,
      signal: new AbortController().signal,
    };
    await expect(consumer.handleBatch(records, context)).rejects.toThrow('killed before the commit');
    expect(await everything()).toEqual(before);
    await handle(records);
    expect((await loadDomain(database.pool, 'example.org'))?.delivered).toBe(2);
  });

  it('of four partitions at once lose nothing', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, sent));
    const batch = [...ids.map((id) => about(id, 'delivered')), ...Array<DeliveryEvent>(100).fill(delivered)];
    await Promise.all(
      [0, 1, 2, 3].map((partition) =>
        handle(placed(partition % 2 === 0 ? batch : [...batch].reverse()), { partition }),
      ),
    );
    expect((await loadDomain(database.pool, 'example.org'))?.delivered).toBe(430);
    expect(await storedTotals(database.pool)).toMatchObject({ sendgrid: { delivered: 30 } });
  });

  it('of a catch-all are counted as such: when the domain had proved to be one, and for a delivery alone', async () => {
    const ids = [await sent(), await sent(), await sent()] as const;
    await handle(placed([{ ...delivered, count: 1_000 }]));
    await handle(placed([about(ids[0], 'delivered')], 1));
    expect((await storedTotals(database.pool))['sendgrid']).toMatchObject({ delivered: 1, catch_all: 0 });
    await handle(placed([about(ids[1], 'delivered'), about(ids[1], 'opened')], 2));
    await handle(placed([about(ids[0], 'opened'), { ...about(ids[2], 'delivered'), domain: 'another.org' }], 4));
    expect((await storedTotals(database.pool))['sendgrid']).toMatchObject({ delivered: 3, opened: 2, catch_all: 1 });
    const { rows } = await database.pool.query('select sum(catch_all)::int as n from esp_cohorts');
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('tell how long outcomes take, by what settles a message and by nothing else', async () => {
    const [one, other] = [await sent(), await sent()];
    await alterMessage(database.pool, one, `claimed_at = now() - interval '10 min'`);
    await alterMessage(database.pool, other, `claimed_at = now() - interval '2 h'`);
    await handle(
      placed([about(one, 'opened'), about(one, 'clicked'), about(one, 'delivered'), about(one, 'complained')]),
    );
    await handle(placed([about(one, 'delivered', { id: 'again' }), about(other, 'bounced', { esp: 'ses' })], 4));
    const delays = await loadDelays(database.pool);
    const [ten, hours] = [600_000, 7_200_000];
    expect(delays['sendgrid']?.buckets).toEqual([
      { bucket: expect.any(Number), count: 1, minMs: expect.any(Number), maxMs: expect.any(Number) },
    ]);
    for (const [esp, leastMs] of [
      ['sendgrid', ten],
      ['ses', hours],
    ] as const) {
      const { sinceMs = Infinity, buckets: [bucket] = [] } = delays[esp] ?? {};
      expect(bucket?.maxMs).toBeGreaterThanOrEqual(leastMs);
      expect(bucket?.maxMs).toBeLessThan(leastMs + 60_000);
      expect(sinceMs).toBeLessThanOrEqual(Date.now() - leastMs);
    }
  });
});

describe('A dead letter that was sent back', () => {
  const origin = {
    'x-original-cluster': 'cluster-1',
    'x-original-topic': 'delivery-events',
    'x-original-partition': '5',
    'x-original-offset': '77',
    'x-original-timestamp': String(Date.parse('2026-01-01T00:00:00Z')),
  };
  const replayed = (offset: number, headers: Readonly<Record<string, string>> = origin) =>
    placed([{ events: [{ ...delivered, count: 3 }, bounced] }], offset).map((record) => ({ ...record, headers }));

  it('is counted once, at however many offsets it lies, on whatever day', async () => {
    await handle(replayed(0));
    const before = await loadDomain(database.pool, 'example.org');
    expect(before).toMatchObject({ delivered: 3, bounced: 1, firstBounceAt: new Date('2026-01-01T00:00:00Z') });
    await handle(replayed(1).map((record) => ({ ...record, timestampMs: record.timestampMs + 400 * 86_400_000 })));
    await handle(replayed(0), { partition: 4 });
    expect(await loadDomain(database.pool, 'example.org')).toMatchObject({ delivered: 3, bounced: 1 });
  });

  it('is not taken for another one', async () => {
    await handle(replayed(0));
    await handle(replayed(1, { ...origin, 'x-original-offset': '78' }));
    await handle(replayed(2, { ...origin, 'x-original-partition': '6' }));
    expect(await loadDomain(database.pool, 'example.org')).toMatchObject({ delivered: 9, bounced: 3 });
  });
});

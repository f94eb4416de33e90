import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { deliveryEvents } from '../../../consumers/delivery-events/consumer.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import type { DeliveryEvent } from '../../../shared/contracts/delivery.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { publicMessageId } from '../../../shared/domain/request-ids.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { aMessage, aRequest, useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate sender_statistics, outcome_delays, esp_cohorts'));

const consumer = () =>
  deliveryEvents({
    topic: topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })).delivery,
    pool: database.pool,
    log: createLog({ name: 'test', level: 'silent' }),
    metrics: createMetrics('test'),
    epoch: 0,
    deliveredThreshold: 1_000,
    verdictTopic: 'domain-verdicts',
    outcomeTopic: 'email-outcomes',
    tell: () => undefined,
  });
const handle = (events: readonly DeliveryEvent[], partition = 0) =>
  consumer().handleBatch(
    events.map((value, index) => ({
      ...{ value, raw: Buffer.alloc(0), key: undefined, headers: {} },
      ...{ offset: BigInt(index), timestampMs: 1_700_000_000_000 },
    })),
    {
      ...{ topic: 'delivery-events', partition, cluster: 'c', highWatermark: BigInt(events.length) },
      signal: new AbortController().signal,
    },
  );
const sent = async (requestId: string, mailboxProvider: string): Promise<string> => {
  const message = aMessage({ requestId, mailboxProvider });
  await insertAndClaim(database.pool, [message], randomUUID());
  await database.pool.query(
    `update messages set status = 'sent', lease_token = null, claimed_at = '2026-05-01T23:59:00Z' where id = $1`,
    [message.id],
  );
  return message.id;
};
const about = (id: string, type: DeliveryEvent['type']): DeliveryEvent => ({
  ...{ domain: 'example.org', type, id: `${type}:${id}`, messageId: publicMessageId(id), esp: 'sendgrid' },
  at: '2026-05-02T00:00:00Z',
});
const counts = async () =>
  (
    await database.pool.query(
      `select sender_domain, mailbox_provider, day::text, delivered::int, complained::int from sender_statistics order by 1, 2`,
    )
  ).rows;

describe('Deliveries and complaints of a sender', () => {
  it('are counted once, by provider and day of sending, however often and in whatever order they are told', async () => {
    await insertRequests(database.pool, [
      aRequest('req_1', { senderDomain: 'acme.example' }),
      aRequest('req_2', { senderDomain: 'other.example' }),
      aRequest('req_3'),
    ]);
    const gmail = [await sent('req_1', 'gmail'), await sent('req_1', 'gmail')];
    const others = [await sent('req_1', 'yahoo'), await sent('req_2', 'gmail'), await sent('req_3', 'gmail')];
    const all = [...gmail, ...others].map((id) => about(id, 'delivered'));
    const [first = ''] = gmail;
    await handle([about(first, 'complained'), ...all, ...all]);
    await handle([...all, about(first, 'complained'), about(first, 'opened')], 1);
    const day = '2026-05-01';
    expect(await counts()).toEqual([
      { sender_domain: 'acme.example', mailbox_provider: 'gmail', day, delivered: 2, complained: 1 },
      { sender_domain: 'acme.example', mailbox_provider: 'yahoo', day, delivered: 1, complained: 0 },
      { sender_domain: 'other.example', mailbox_provider: 'gmail', day, delivered: 1, complained: 0 },
    ]);
  });
});

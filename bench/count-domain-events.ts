import kafkajs from 'kafkajs';
import pg from 'pg';
import { kafkaClient } from '../shared/runtime/kafka.ts';
import { createBenchFleet, silentLog } from './bench-fleet.ts';
import type { Benchmark, RunResult } from './benchmark.ts';
import { untilReached } from './until.ts';

const records = 2_000_000;
const domains = 50_000;
const perBatch = 10_000;
const group = 'delivery-events';

const isBounce = (number: number): boolean => number % 20 === 19;
const valueOf = (number: number): string =>
  JSON.stringify({ domain: `d${number % domains}.example`, type: isBounce(number) ? 'bounced' : 'delivered' });

// Keyed by domain, as the fleet keys them: all events of a domain are in one partition.
const preload = async (brokers: readonly string[], topic: string, partitions: number): Promise<void> => {
  const producer = kafkaClient(brokers, 'mailfleet-bench', silentLog).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  try {
    const waiting = Array.from({ length: partitions }, (): { partition: number; value: string }[] => []);
    for (let number = 0; number < records; number += 1) {
      const partition = (number % domains) % partitions;
      const messages = waiting[partition];
      if (messages === undefined) continue;
      messages.push({ partition, value: valueOf(number) });
      if (messages.length === perBatch) await producer.send({ topic, messages: messages.splice(0), acks: -1 });
    }
    for (const messages of waiting) if (messages.length > 0) await producer.send({ topic, messages, acks: -1 });
  } finally {
    await producer.disconnect();
  }
};

/** Events from Kafka into exact counters by domain. */
export const countDomainEvents: Benchmark = {
  name: 'count-domain-events',
  what: `One delivery-events process counts ${records.toLocaleString('en')} records of one event each, over ${domains.toLocaleString('en')} domains, from Kafka (12 partitions) into Postgres; from the first counted batch to the last, then checked to the last event.`,
  unit: 'events/s',
  aim: 200_000,
  prepare: async ({ stores, say, onClose }) => {
    const database = await stores.createDatabase('count-domain-events');
    onClose(() => database.drop());
    const fleet = await createBenchFleet(stores, database.url);
    const { name: topic, partitions } = fleet.topics.delivery;
    say(`preloading ${records.toLocaleString('en')} records`);
    await preload(stores.brokers, topic, partitions);
    const admin = kafkaClient(stores.brokers, 'mailfleet-bench', silentLog).admin();
    await admin.connect();
    onClose(() => admin.disconnect());
    const db = new pg.Pool({ connectionString: database.url, max: 2 });
    onClose(() => db.end());
    let epoch = 0;

    const startAfresh = async (): Promise<void> => {
      epoch += 1;
      await db.query('truncate domain_counters, domain_totals, consumer_offsets, producer_marks, outbox');
      // The offsets of this topic alone: on somebody's Kafka the group may have others.
      if (epoch > 1) await admin.resetOffsets({ groupId: group, topic, earliest: true });
    };
    const counted = async (): Promise<number> => {
      const { rows } = await db.query<{ n: string }>(
        `select coalesce(sum(greatest(next_offset, 0)), 0) as n from consumer_offsets where topic = $1`,
        [topic],
      );
      return Number(rows[0]?.n ?? 0);
    };
    const check = async (): Promise<void> => {
      const { rows } = await db.query<{ delivered: string; bounced: string; domains: string }>(
        'select sum(delivered) as delivered, sum(bounced) as bounced, count(*) as domains from domain_counters',
      );
      const found = rows[0];
      const bounced = records / 20;
      const isExact =
        Number(found?.delivered) === records - bounced &&
        Number(found?.bounced) === bounced &&
        Number(found?.domains) === domains;
      if (!isExact) throw new Error(`counted wrongly: ${JSON.stringify(found)}`);
    };

    return async (): Promise<RunResult> => {
      await startAfresh();
      const launchedAt = performance.now();
      const starting = fleet.start([group], { KAFKA_EPOCH: String(epoch) });
      let first: { readonly at: number; readonly count: number } | undefined;
      let endedAt = launchedAt;
      try {
        await untilReached(records, counted, (count) => {
          endedAt = performance.now();
          if (count > 0) first ??= { at: endedAt, count };
        });
      } finally {
        await (
          await starting
        )();
      }
      await check();
      if (first === undefined) throw new Error('nothing was counted');
      const seconds = (endedAt - first.at) / 1_000;
      return {
        rate: (records - first.count) / seconds,
        seconds,
        facts: { events: records - first.count, secondsSinceLaunch: (endedAt - launchedAt) / 1_000 },
      };
    };
  },
};

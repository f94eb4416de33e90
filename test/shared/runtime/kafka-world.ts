import { randomUUID } from 'node:crypto';
import type { Admin, IHeaders } from 'kafkajs';
import { z } from 'zod';
import { deadTopic, type Topic } from '../../../shared/contracts/topics.ts';
import type { ConsumerDefinition } from '../../../shared/runtime/define-consumer.ts';
import { createHealth, type Health } from '../../../shared/runtime/health.ts';
import { kafkaClient } from '../../../shared/runtime/kafka.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { createPublisher, type Publisher } from '../../../shared/runtime/publisher.ts';
import { runConsumer } from '../../../shared/runtime/run-consumer.ts';
import { testKafkaBrokers } from '../../support/test-services.ts';
import { waitFor } from '../../support/wait-for.ts';

export const silentLog = createLog({ name: 'test', level: 'silent' });
export const testClient = (name = 'test') => kafkaClient(testKafkaBrokers(), name, silentLog);

const numberSchema = z.object({ n: z.int() });
export type NumberRecord = z.infer<typeof numberSchema>;
export type NumberTopic = Topic<NumberRecord>;

const withAdmin = async <T>(act: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = testClient('test-admin').admin();
  await admin.connect();
  try {
    return await act(admin);
  } finally {
    await admin.disconnect();
  }
};

/** A topic of the test's own, with its `.dead`. */
export const makeTopic = async (partitions = 1): Promise<NumberTopic> => {
  const name = `test-${randomUUID().slice(0, 8)}`;
  await withAdmin((admin) =>
    admin.createTopics({
      waitForLeaders: true,
      topics: [
        { topic: name, numPartitions: partitions },
        { topic: deadTopic(name).name, numPartitions: 1 },
      ],
    }),
  );
  return { name, partitions, retentionDays: 1, format: 'json', schema: numberSchema };
};

/** What a group has committed of a topic: the offset of the next record, by partition. */
export const committed = (groupId: string, topic: string): Promise<ReadonlyMap<number, number>> =>
  withAdmin(async (admin) => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]));
  });

export interface KeptRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
}

const textHeaders = (headers: IHeaders | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));

/** Reads a topic from its beginning until what is there satisfies the test; fails when it does not. */
export const readTopic = async (
  topic: string,
  isEnough: (records: readonly KeptRecord[]) => boolean,
): Promise<readonly KeptRecord[]> => {
  const records: KeptRecord[] = [];
  const consumer = testClient('test-reader').consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message, partition }) => {
        const { key, value, headers } = message;
        records.push({
          key: key?.toString() ?? '',
          value: value?.toString() ?? '',
          headers: textHeaders(headers),
          partition,
        });
        return Promise.resolve();
      },
    });
    await waitFor(() => isEnough(records), { what: `enough records on ${topic}`, deadlineMs: 20_000 });
  } finally {
    await consumer.disconnect();
  }
  return records;
};

export const openPublisher = (more: { readonly deadlineMs?: number } = {}): Publisher =>
  createPublisher({
    brokers: testKafkaBrokers(),
    clientId: 'test-publisher',
    log: silentLog,
    deadlineMs: more.deadlineMs ?? 15_000,
  });

export const numbers = (topic: Topic<unknown>, from: number, to: number, keyOf = (n: number): string => `k${n}`) =>
  Array.from({ length: to - from }, (_, index) => ({
    topic: topic.name,
    key: keyOf(from + index),
    value: JSON.stringify({ n: from + index }),
  }));

export interface RunningConsumer {
  readonly health: Health;
  /** What would have ended the process. */
  readonly failures: readonly unknown[];
  stop(): Promise<void>;
}

/** Runs a consumer as a process would, until `stop`. */
export const startConsumer = async <T>(
  definition: ConsumerDefinition<T>,
  options: { readonly groupId: string; readonly workers?: number },
): Promise<RunningConsumer> => {
  const abort = new AbortController();
  const health = createHealth();
  const closers: (() => Promise<void> | void)[] = [];
  const failures: unknown[] = [];
  const publisher = openPublisher();
  closers.push(() => publisher.close());
  await runConsumer(
    definition,
    {
      KAFKA_BROKERS: testKafkaBrokers(),
      KAFKA_OFFSET_RESET: 'earliest',
      workers: options.workers ?? 1,
      groupId: options.groupId,
    },
    {
      log: silentLog,
      signal: abort.signal,
      health,
      metrics: createMetrics('test'),
      onClose: (_, close) => void closers.push(close),
      fail: (error) => void failures.push(error),
      abandon: (error) => void failures.push(error),
    },
    publisher,
  );
  return {
    health,
    failures,
    stop: async () => {
      abort.abort();
      for (const close of closers.reverse()) await close();
    },
  };
};

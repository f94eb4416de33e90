import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';

const { Kafka, Partitioners, logLevel } = kafkajs;
const topic = 'mailfleet-readiness';

const clientOf = (brokers: readonly string[]) =>
  new Kafka({
    clientId: 'mailfleet-readiness',
    brokers: [...brokers],
    // While the broker makes its internal topics, kafkajs reports errors that are none.
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 3 },
  });

const roundTrip = async (kafka: ReturnType<typeof clientOf>, signal: AbortSignal): Promise<void> => {
  const groupId = `${topic}-${randomUUID()}`;
  const token = randomUUID();
  const admin = kafka.admin();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  // A group of its own: the members of a killed run would hold up the first rebalance until their session ends.
  const consumer = kafka.consumer({ groupId, retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 300 } });
  const cleanUp = async (): Promise<void> => {
    await Promise.allSettled([consumer.disconnect(), producer.disconnect()]);
    await admin.deleteGroups([groupId]).catch(() => undefined);
    await admin.disconnect();
  };
  try {
    await admin.connect();
    await admin.createTopics({
      topics: [
        { topic, numPartitions: 1, replicationFactor: -1, configEntries: [{ name: 'retention.ms', value: '3600000' }] },
      ],
      waitForLeaders: true,
    });
    await Promise.all([producer.connect(), consumer.connect()]);
    await producer.send({ topic, messages: [{ value: token }], acks: -1, timeout: 5000 });
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('no answer in time'));
      });
      consumer.on('consumer.crash', ({ payload }) => {
        reject(payload.error);
      });
      consumer
        .run({
          autoCommit: false,
          eachMessage: ({ message }) => {
            if (message.value?.toString() === token) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    // Not awaited: leaving a group takes a while, and readiness is known already.
    cleanUp().catch(() => undefined);
  }
};

/** Resolves when a record was produced and consumed again; rejects with the last fault once the signal is aborted. */
export const untilKafkaWorks = async (brokers: readonly string[], signal: AbortSignal): Promise<void> => {
  const kafka = clientOf(brokers);
  for (;;) {
    try {
      await roundTrip(kafka, signal);
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      await sleep(50);
    }
  }
};

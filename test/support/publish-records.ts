import { Partitioners } from 'kafkajs';
import { kafkaClient } from '../../shared/runtime/kafka.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { TestFleet } from './fleet.ts';

/** Puts records on the fleet's email topic, as a foreign producer does. */
export const publishRecords = async (fleet: TestFleet, values: readonly (string | Buffer | null)[]): Promise<void> => {
  const producer = kafkaClient(fleet.brokers, 'foreign', createLog({ name: 'test', level: 'silent' })).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const topic = fleet.environment['KAFKA_EMAIL_TOPIC'] ?? '';
  await producer.send({ topic, messages: values.map((value) => ({ key: 'foreign', value })) });
  await producer.disconnect();
};

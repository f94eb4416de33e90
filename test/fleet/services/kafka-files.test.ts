import { expect, test } from '@jest/globals';
import { kafkaProperties } from '../../../fleet/services/kafka-files.ts';

test('a local Kafka listens on this machine alone, on the ports it was given', () => {
  const lines = kafkaProperties({ dataFolder: '/data', port: 1111, controllerPort: 2222 }).trim().split('\n');
  expect(lines).toContain('listeners=PLAINTEXT://127.0.0.1:1111,CONTROLLER://127.0.0.1:2222');
  expect(lines).toContain('controller.quorum.voters=1@127.0.0.1:2222');
  expect(lines).toContain('advertised.listeners=PLAINTEXT://127.0.0.1:1111');
  expect(lines).toContain('auto.create.topics.enable=false');
});

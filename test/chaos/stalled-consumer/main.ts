// A process for R30: a consumer of one topic whose handler never returns, or with `--well` one that does. It tells on stdout
// what it handles.
import { z } from 'zod';
import { adminEnv, kafkaEnv, logEnv, readEnv } from '../../../shared/config/env.ts';
import { defineConsumer } from '../../../shared/runtime/define-consumer.ts';
import { done } from '../../../shared/runtime/outcome.ts';
import { runProcess } from '../../../shared/runtime/process.ts';
import { createPublisher } from '../../../shared/runtime/publisher.ts';
import { runConsumer } from '../../../shared/runtime/run-consumer.ts';

const env = readEnv({ ...kafkaEnv, ...adminEnv, ...logEnv });
const [, , topic = '', mode = ''] = process.argv;

await runProcess('stalled', env, async (scope) => {
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'stalled',
    log: scope.log,
    deadlineMs: 10_000,
  });
  scope.onClose('publisher', () => publisher.close());
  const definition = defineConsumer<unknown>({
    name: `stalled-${topic}`,
    topics: [{ name: topic, partitions: 1, retentionDays: 1, format: 'json', schema: z.unknown() }],
    maxRecords: 10,
    handleBatch: (records) => {
      process.stdout.write(`handling ${records.length}\n`);
      return mode === '--well' ? Promise.resolve(records.map(() => done())) : new Promise(() => undefined);
    },
  });
  await runConsumer(definition, { ...env, workers: 1 }, scope, publisher);
});

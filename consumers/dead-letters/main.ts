import { adminEnv, kafkaEnv, logEnv, postgresEnv, readEnv } from '../../shared/config/env.ts';
import { topicsOf } from '../../shared/contracts/topics.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { watchDependency } from '../../shared/runtime/watch-dependency.ts';
import { runConsumer } from '../../shared/runtime/run-consumer.ts';
import { deadLetters } from './consumer.ts';

const env = readEnv({ ...kafkaEnv, ...postgresEnv, ...adminEnv, ...logEnv });

await runProcess('dead-letters', env, async (scope) => {
  const { log, onClose } = scope;
  const pool = connectPostgres(env.DATABASE_URL, 2, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  watchDependency('postgres', () => pool.query('select 1'), scope);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'mailfleet-dead-letters',
    log,
    deadlineMs: 30_000,
  });
  onClose('publisher', () => publisher.close());
  await runConsumer(deadLetters({ topics: topicsOf(env).dead, pool }), { ...env, workers: 1 }, scope, publisher);
});

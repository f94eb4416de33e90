import { adminEnv, domainEnv, kafkaEnv, logEnv, postgresEnv, readEnv, workerEnv } from '../../shared/config/env.ts';
import { topicsOf } from '../../shared/contracts/topics.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { removeOutbox } from '../../shared/db/outbox.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { watchDependency } from '../../shared/runtime/watch-dependency.ts';
import { runConsumer } from '../../shared/runtime/run-consumer.ts';
import { createTeller } from '../../shared/runtime/teller.ts';
import { workersOf } from '../../shared/runtime/workers.ts';
import { runTicker } from '../../shared/runtime/run-ticker.ts';
import { deliveryEvents } from './consumer.ts';
import { thresholdTicker } from './ticker-threshold.ts';

const groups = { ...kafkaEnv, ...postgresEnv, ...domainEnv, ...adminEnv, ...logEnv, ...workerEnv };
const env = readEnv(groups, process.argv.slice(2));

await runProcess('delivery-events', env, async (scope) => {
  const { log, metrics, onClose } = scope;
  const workers = workersOf(process.argv, env.WORKERS_PER_CONSUMER);
  const pool = connectPostgres(env.DATABASE_URL, workers + 1, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  watchDependency('postgres', () => pool.query('select 1'), scope);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'mailfleet-delivery-events',
    log,
    deadlineMs: 30_000,
  });
  onClose('publisher', () => publisher.close());
  const topics = topicsOf(env);
  const verdictTopic = topics.verdicts.name;
  const { DELIVERED_THRESHOLD: deliveredThreshold } = env;
  // Judging all domains takes longer than a statement usually may.
  const patient = connectPostgres(
    env.DATABASE_URL,
    1,
    (error) => {
      log.warn({ err: error }, 'an idle connection to Postgres was lost');
    },
    { statementMs: 600_000 },
  );
  onClose('Postgres for judging', () => patient.end());
  runTicker(thresholdTicker({ pool: patient, deliveredThreshold, verdictTopic, log }), scope);
  const teller = createTeller({
    publish: (records) => publisher.publish(records),
    remove: (rows) => removeOutbox(pool, rows),
    now: () => performance.now(),
    onFault: (error) => {
      scope.fail(error);
    },
  });
  onClose('told records', () => teller.close());
  const definition = deliveryEvents({
    topic: topics.delivery,
    pool,
    log,
    metrics,
    epoch: env.KAFKA_EPOCH,
    deliveredThreshold,
    verdictTopic,
    outcomeTopic: topics.outcomes.name,
    tell: teller.tell,
  });
  await runConsumer(definition, { ...env, workers }, scope, publisher);
});

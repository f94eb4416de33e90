import { lookup } from 'node:dns/promises';
import {
  adminEnv,
  kafkaEnv,
  linkEnv,
  logEnv,
  postgresEnv,
  readEnv,
  webhookOutEnv,
  workerEnv,
} from '../../shared/config/env.ts';
import { topicsOf } from '../../shared/contracts/topics.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { webhookSecretKey } from '../../shared/domain/webhook-secret.ts';
import { ConfigError } from '../../shared/errors.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { runConsumer } from '../../shared/runtime/run-consumer.ts';
import { runTicker } from '../../shared/runtime/run-ticker.ts';
import { watchDependency } from '../../shared/runtime/watch-dependency.ts';
import { workersOf } from '../../shared/runtime/workers.ts';
import { createCaller } from './consumer-caller.ts';
import { createPost } from './consumer-post.ts';
import { webhookOut } from './consumer.ts';

const env = readEnv({
  ...kafkaEnv,
  ...postgresEnv,
  ...linkEnv,
  ...webhookOutEnv,
  ...adminEnv,
  ...logEnv,
  ...workerEnv,
});

await runProcess('webhook-out', env, async (scope) => {
  const { log, metrics, onClose } = scope;
  if (env.JWT_SECRET === undefined)
    throw new ConfigError('JWT_SECRET is not set: webhooks cannot be signed without it.');
  const workers = workersOf(process.argv, env.WORKERS_PER_CONSUMER);
  const pool = connectPostgres(env.DATABASE_URL, workers + 2, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  watchDependency('postgres', () => pool.query('select 1'), scope);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'mailfleet-webhook-out',
    log,
    deadlineMs: 30_000,
  });
  onClose('publisher', () => publisher.close());
  const posting = createPost({
    resolve: (hostname) => lookup(hostname, { all: true }),
    allowPrivate: env.WEBHOOK_ALLOW_PRIVATE,
  });
  onClose('connections to endpoints', posting.close);
  const caller = createCaller({
    ...{ pool, log, metrics, post: posting.post },
    secretKey: webhookSecretKey(env.JWT_SECRET),
    now: () => new Date(),
  });
  onClose('calls under way', caller.close);
  runTicker(caller.ticker, scope);
  await runConsumer(webhookOut({ topic: topicsOf(env).outcomes, pool }), { ...env, workers }, scope, publisher);
});

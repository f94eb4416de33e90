import {
  adminEnv,
  blobEnv,
  espEnv,
  healthEnv,
  kafkaEnv,
  logEnv,
  otpCleanupEnv,
  postgresEnv,
  readEnv,
  retentionEnv,
  weightEnv,
} from '../../shared/config/env.ts';
import { topicsOf } from '../../shared/contracts/topics.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { weighSettings } from '../../shared/db/decide-weights.ts';
import { configuredEsps } from '../../shared/esp/accounts.ts';
import { createBlobStore } from '../../shared/runtime/blob-store.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { runTicker } from '../../shared/runtime/run-ticker.ts';
import { batchTicker, orderPurge, ordersTicker } from './ticker-batches.ts';
import { runPurge, scheduleTicker } from './ticker-schedules.ts';
import { taskPurge, taskTicker } from './ticker-tasks.ts';
import { reconciler } from './ticker-reconciler.ts';
import { erasureTicker, retentionTicker } from './ticker-retention.ts';
import {
  bucketPurge,
  codeCleanup,
  callPurge,
  contentPurge,
  decisionsTicker,
  dueTicker,
  keyPurge,
  markPurge,
  outboxTicker,
  partitionsTicker,
  reaper,
  wakeTicker,
  webhookCallPurge,
} from './tickers.ts';

const env = readEnv({
  ...kafkaEnv,
  ...blobEnv,
  ...retentionEnv,
  ...otpCleanupEnv,
  ...postgresEnv,
  ...espEnv,
  ...weightEnv,
  ...healthEnv,
  ...adminEnv,
  ...logEnv,
});

await runProcess('scheduler', env, (scope) => {
  const { log, metrics, onClose } = scope;
  const pool = connectPostgres(env.DATABASE_URL, 3, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'mailfleet-scheduler',
    log,
    deadlineMs: 10_000,
  });
  onClose('publisher', () => publisher.close());
  const deps = { pool, publisher, topics: topicsOf(env), blobs: createBlobStore(env), log };
  runTicker(reaper(deps), scope);
  runTicker(dueTicker(deps), scope);
  const weighing = weighSettings(
    env,
    configuredEsps(env).map((esp) => esp.name),
  );
  runTicker(batchTicker({ pool, weighing }), scope);
  runTicker(ordersTicker({ pool, outcomeTopic: deps.topics.outcomes.name }), scope);
  runTicker(orderPurge(deps), scope);
  runTicker(scheduleTicker(deps), scope);
  runTicker(runPurge(deps), scope);
  runTicker(taskTicker(deps), scope);
  runTicker(taskPurge(deps), scope);
  runTicker(wakeTicker(deps), scope);
  runTicker(outboxTicker(deps), scope);
  runTicker(partitionsTicker(deps), scope);
  runTicker(contentPurge(deps), scope);
  runTicker(keyPurge(deps), scope);
  runTicker(bucketPurge(deps), scope);
  runTicker(callPurge(deps), scope);
  runTicker(webhookCallPurge(deps), scope);
  runTicker(codeCleanup(deps, 1_000 * (env.OTP_CLEANUP_SECONDS ?? 60 * env.OTP_CLEANUP_MINUTES)), scope);
  runTicker(markPurge(deps), scope);
  runTicker(decisionsTicker(deps), scope);
  const days = {
    bodies: env.RETENTION_BODY_DAYS,
    events: env.RETENTION_EVENT_DAYS,
    deadLetters: env.RETENTION_DEAD_LETTER_DAYS,
  };
  runTicker(retentionTicker({ ...deps, days }), scope);
  runTicker(erasureTicker({ pool, outcomeTopic: deps.topics.outcomes.name }), scope);
  runTicker(reconciler({ pool, log, metrics, now: () => new Date() }), scope);
  return Promise.resolve();
});

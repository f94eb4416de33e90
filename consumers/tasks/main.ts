import { v7 as uuidV7 } from 'uuid';
import {
  adminEnv,
  blobEnv,
  espEnv,
  kafkaEnv,
  linkEnv,
  logEnv,
  otpEnv,
  postgresEnv,
  readEnv,
  senderEnv,
} from '../../shared/config/env.ts';
import { topicsOf } from '../../shared/contracts/topics.ts';
import { codeSettings } from '../../shared/db/code-settings.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { createBlobStore } from '../../shared/runtime/blob-store.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { runConsumer } from '../../shared/runtime/run-consumer.ts';
import { watchDependency } from '../../shared/runtime/watch-dependency.ts';
import { tasks } from './consumer.ts';

const env = readEnv({
  ...kafkaEnv,
  ...postgresEnv,
  ...blobEnv,
  ...otpEnv,
  ...senderEnv,
  SMTP_USER: espEnv.SMTP_USER,
  JWT_SECRET: linkEnv.JWT_SECRET,
  ...adminEnv,
  ...logEnv,
});

await runProcess('tasks', env, async (scope) => {
  const { log, onClose } = scope;
  const pool = connectPostgres(env.DATABASE_URL, 3, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  watchDependency('postgres', () => pool.query('select 1'), scope);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'mailfleet-tasks',
    log,
    deadlineMs: 30_000,
  });
  onClose('publisher', () => publisher.close());
  const consumer = tasks({
    pool,
    publisher,
    topics: topicsOf(env),
    blobs: createBlobStore(env),
    codes: codeSettings(env),
    random: Math.random,
    newId: (prefix) => `${prefix}${uuidV7()}`,
  });
  await runConsumer(consumer, { ...env, workers: 1 }, scope, publisher);
});

import {
  adminEnv,
  blobEnv,
  espEnv,
  failpointEnv,
  healthEnv,
  kafkaEnv,
  lifetimeEnv,
  linkEnv,
  publicUrlOf,
  logEnv,
  postgresEnv,
  readEnv,
  weightEnv,
  workerEnv,
} from '../../shared/config/env.ts';
import { sendLanes, topicsOf } from '../../shared/contracts/topics.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { weighSettings } from '../../shared/db/decide-weights.ts';
import { routingChannel } from '../../shared/db/esp-health.ts';
import { listenTo } from '../../shared/db/listen.ts';
import { removeOutbox } from '../../shared/db/outbox.ts';
import { deriveKey } from '../../shared/domain/derived-key.ts';
import { ConfigError } from '../../shared/errors.ts';
import { configuredEsps } from '../../shared/esp/accounts.ts';
import { createBlobStore } from '../../shared/runtime/blob-store.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { failpointOf } from '../../shared/runtime/failpoint.ts';
import { runConsumer } from '../../shared/runtime/run-consumer.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { createTeller } from '../../shared/runtime/teller.ts';
import { watchDependency } from '../../shared/runtime/watch-dependency.ts';
import { workersOf } from '../../shared/runtime/workers.ts';
import { linkMaker, unsubscribeKey } from '../../shared/domain/unsubscribe-link.ts';
import { claimsOn } from './consumer-claims.ts';
import { heavyContentsFrom } from './consumer-content.ts';
import { noteKeysIn } from './consumer-keys.ts';
import { portsOn } from './consumer-ports.ts';
import { routingOn } from './consumer-routing.ts';
import { sendersOn } from './consumer-senders.ts';
import { templatesOn } from './consumer-templates.ts';
import { emailSend } from './consumer.ts';
import { openSealedWith } from './open-sealed.ts';

const lane = sendLanes.find((name) => name === process.argv[2]) ?? 'email-send';
const env = readEnv({
  ...kafkaEnv,
  ...postgresEnv,
  ...espEnv,
  ...weightEnv,
  ...blobEnv,
  ...healthEnv,
  ...adminEnv,
  ...logEnv,
  ...workerEnv,
  ...lifetimeEnv,
  ...failpointEnv,
  ...linkEnv,
});

await runProcess(lane, env, async (scope) => {
  const { log, metrics, onClose } = scope;
  const passFailpoint = failpointOf(env.FAILPOINT, env.NODE_ENV === 'production');
  const esps = configuredEsps(env);
  if (esps.length === 0) throw new ConfigError('No ESP is configured: set the credentials of at least one.');
  for (const esp of esps) {
    onClose(`ESP ${esp.name}`, () => esp.close());
    esp.warmUp?.();
  }

  const workers = workersOf(process.argv, env.WORKERS_PER_CONSUMER);
  const pool = connectPostgres(env.DATABASE_URL, workers * 2 + 2, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  watchDependency('postgres', () => pool.query('select 1'), scope);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: `mailfleet-${lane}`,
    log,
    deadlineMs: 30_000,
  });
  onClose('publisher', () => publisher.close());

  const makeLink =
    env.JWT_SECRET === undefined ? undefined : linkMaker(unsubscribeKey(env.JWT_SECRET), publicUrlOf(env));
  const templates = templatesOn(pool);
  const content = heavyContentsFrom(createBlobStore(env));
  const configured = esps.map((esp) => esp.name);
  const weighing = weighSettings(env, configured);
  const routing = routingOn(pool, weighing);
  const listener = listenTo(env.DATABASE_URL, routingChannel, routing.invalidate);
  onClose('listener', () => listener.close());
  const topics = topicsOf(env);
  const teller = createTeller({
    publish: (records) => publisher.publish(records),
    remove: (rows) => removeOutbox(pool, rows),
    now: () => performance.now(),
    onFault: (error) => {
      scope.fail(error);
    },
  });
  onClose('told records', () => teller.close());
  const telling = { topic: topics.outcomes.name, tell: teller.tell };
  const ports = portsOn(pool, esps, { metrics, log }, routing, {
    roundSeconds: env.HEALTH_ROUND_SECONDS,
    patienceMs: 20_000,
    lifetimesMs: {
      otp: env.OTP_LIFESPAN_SECONDS * 1_000,
      transactional: env.GIVE_UP_TRANSACTIONAL_HOURS * 3_600_000,
      bulk: env.GIVE_UP_BULK_HOURS * 3_600_000,
    },
    isStopping: () => scope.signal.aborted,
    telling,
  });
  onClose('budgets', () => ports.close());
  const definition = emailSend({
    lane,
    topic: topics.send[lane],
    configuredEsps: configured,
    claims: claimsOn(
      pool,
      lane,
      weighing,
      routing,
      content,
      new Set(esps.filter((esp) => esp.knowsRepeats === true).map((esp) => esp.name)),
      {
        templates,
        makeLink,
        telling,
        openSealed: openSealedWith(
          env.JWT_SECRET === undefined ? undefined : deriveKey(env.JWT_SECRET, 'one-time-code seal'),
        ),
      },
    ),
    noteKeys: noteKeysIn(pool),
    content,
    senders: sendersOn(pool, Date.now),
    templates,
    makeLink,
    ports,
    gate: routing,
    passFailpoint,
  });
  await runConsumer(definition, { ...env, workers, passFailpoint }, scope, publisher);
});

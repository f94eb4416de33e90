import { randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import {
  adminEnv,
  blobEnv,
  domainEnv,
  espEnv,
  healthEnv,
  httpEnv,
  kafkaEnv,
  logEnv,
  openEnv,
  publicUrlOf,
  postgresEnv,
  readEnv,
  grpcEnv,
  otpEnv,
  secretsEnv,
  senderEnv,
  smtpInEnv,
  usualGrpcPort,
  verdictEnv,
  webhookOutEnv,
  weightEnv,
} from '../../shared/config/env.ts';
import { topicsOf } from '../../shared/contracts/topics.ts';
import { accountsChannel } from '../../shared/db/accounts.ts';
import { findUsableKeys, noteKeyUse } from '../../shared/db/api-keys.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { weighSettings } from '../../shared/db/decide-weights.ts';
import { listenTo } from '../../shared/db/listen.ts';
import { loadVerdict } from '../../shared/db/domain-counters.ts';
import { verdictsChannel } from '../../shared/db/judged.ts';
import { durationMs } from '../../shared/domain/duration.ts';
import { leaseRates } from '../../shared/db/rate-buckets.ts';
import { configuredEsps, webhookAccounts } from '../../shared/esp/accounts.ts';
import { createBlobStore } from '../../shared/runtime/blob-store.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { watchDependency } from '../../shared/runtime/watch-dependency.ts';
import { webhookSecretKey } from '../../shared/domain/webhook-secret.ts';
import { unsubscribeKey } from '../../shared/domain/unsubscribe-link.ts';
import { createKeyCheck } from './check-key.ts';
import { codeSettings } from '../../shared/db/code-settings.ts';
import { startGrpc } from './grpc/server.ts';
import { createDomainEvents } from './domain-events.ts';
import { buildApp, usualLimits } from './http/app.ts';
import type { IngressContext } from './http/ingress-context.ts';
import { createKeyUses } from './key-uses.ts';
import { smtpInSettings } from './smtp/smtp-in-settings.ts';
import { startSmtp } from './smtp/server.ts';
import { createRateLimits } from './rate-limits.ts';
import { createRecentRequests } from './recent-requests.ts';
import { createRequestStats } from './request-stats.ts';
import { createSignUpKeys } from './sign-up-keys.ts';
import { createVerdictCache } from './verdict-cache.ts';

const groups = {
  ...kafkaEnv,
  ...postgresEnv,
  ...httpEnv,
  ...openEnv,
  ...verdictEnv,
  ...secretsEnv,
  ...otpEnv,
  ...senderEnv,
  ...grpcEnv,
  ...smtpInEnv,
  ...espEnv,
  ...weightEnv,
  ...healthEnv,
  ...domainEnv,
  ...webhookOutEnv,
  ...blobEnv,
  ...adminEnv,
  ...logEnv,
};
const env = readEnv(groups, process.argv.slice(2));

await runProcess('ingress', env, async (scope) => {
  const { log, health, metrics, onClose } = scope;
  const pool = connectPostgres(env.DATABASE_URL, 10, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  watchDependency('postgres', () => pool.query('select 1'), scope);
  const uses = createKeyUses((noted) => noteKeyUse(pool, noted), Date.now);
  onClose('uses of keys', () => uses.close());
  const keys = createKeyCheck({
    adminKey: env.ADMIN_API_KEY,
    find: (hashes) => findUsableKeys(pool, hashes),
    onUse: uses.note,
    now: Date.now,
  });
  const listener = listenTo(env.DATABASE_URL, accountsChannel, keys.forget);
  onClose('listener', () => listener.close());

  const looked = metrics.counter('verdict_lookups_total', 'Verdicts of domains that were asked for.', ['from']);
  const verdicts = createVerdictCache({
    load: (domain) => loadVerdict(pool, domain),
    isOn: env.VERDICT_CACHE,
    ttlMs: durationMs(env.VERDICT_CACHE_TTL),
    onLookUp: (from) => {
      looked({ from });
    },
  });
  const verdictListener = listenTo(env.DATABASE_URL, verdictsChannel, verdicts.forget, verdicts.listening);
  onClose('listener of verdicts', () => verdictListener.close());

  health.ready('kafka', false);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'mailfleet-ingress',
    log,
    // The caller has its answer within 5 s, whatever Kafka does.
    deadlineMs: 4_500,
    onState: (isConnected) => {
      health.ready('kafka', isConnected);
    },
  });
  onClose('publisher', () => publisher.close());

  const esps = configuredEsps(env);
  for (const esp of esps) onClose(`ESP ${esp.name}`, () => esp.close());

  const topics = topicsOf(env);
  const context: IngressContext = {
    publisher,
    pool,
    topics,
    verdicts,
    domainEvents: createDomainEvents({ publisher, topic: topics.delivery, producer: randomUUID() }),
    requestStats: createRequestStats(),
    outgoing: {
      secretKey: env.JWT_SECRET === undefined ? undefined : webhookSecretKey(env.JWT_SECRET),
      allowPrivate: env.WEBHOOK_ALLOW_PRIVATE,
    },
    hasMetrics: env.METRICS_ENABLED,
    isOpen: env.AUTH_OPEN,
    recent: createRecentRequests(),
    blobs: createBlobStore(env),
    metrics,
    keys,
    rateLimits: createRateLimits({
      lease: (asks) => leaseRates(pool, asks),
      now: Date.now,
      random: Math.random,
    }),
    addressLimits: {
      requestsPerMinute: env.ADDRESS_REQUESTS_PER_MINUTE,
      failuresPerMinute: env.ADDRESS_FAILURES_PER_MINUTE,
    },
    trustedProxies: env.TRUSTED_PROXIES,
    esps,
    webhookAccounts: webhookAccounts(env, () => new Date()),
    weighing: weighSettings(
      env,
      esps.map((esp) => esp.name),
    ),
    deliveredThreshold: env.DELIVERED_THRESHOLD,
    maxMessageBytes: env.MAX_MESSAGE_BYTES,
    unsubscribeKey: env.JWT_SECRET === undefined ? undefined : unsubscribeKey(env.JWT_SECRET),
    isReady: () => health.report(),
    newRequestId: () => `req_${uuidV7()}`,
    newId: (prefix) => `${prefix}${uuidV7()}`,
    codes: codeSettings(env),
    signUpKeys:
      env.JWT_SECRET === undefined ? undefined : createSignUpKeys({ secret: env.JWT_SECRET, pool, now: Date.now }),
    publicUrl: publicUrlOf(env),
  };
  const app = await buildApp(context, log, {
    ...usualLimits,
    maxBodyBytes: env.MAX_BODY_BYTES,
    requestTimeoutMs: durationMs(env.HTTP_REQUEST_TIMEOUT),
    idleTimeoutMs: durationMs(env.HTTP_IDLE_TIMEOUT),
  });
  if (env.AUTH_OPEN)
    log.warn('AUTH_OPEN is on: whoever reaches this machine’s own address needs no key on the seeds’ routes');
  await publisher.connect();
  await app.listen({ host: env.HOST, port: env.PORT });
  onClose('HTTP', () => app.close());
  health.ready('http', true);
  const grpcPort = env.GRPC_PORT ?? usualGrpcPort;
  if (grpcPort > 0) {
    const settings = { host: env.HOST, port: grpcPort, maxBytes: env.MAX_BODY_BYTES, isOpen: env.AUTH_OPEN, log };
    const grpc = await startGrpc(context, { ...context, ...settings });
    onClose('gRPC', () => grpc.close());
    grpc.setServing(true);
  }
  const smtpIn = smtpInSettings(env);
  if (env.SMTP_PORT_IN > 0 && smtpIn === undefined) {
    log.warn('SMTP submission is off: outside this machine it needs SMTP_IN_CERT and SMTP_IN_KEY');
  } else if (env.SMTP_PORT_IN > 0 && smtpIn !== undefined) {
    const maxBytes = Math.floor((env.MAX_MESSAGE_BYTES * 4) / 3) + 10_485_760;
    const smtp = await startSmtp(context, context, {
      ...smtpIn,
      host: env.HOST,
      port: env.SMTP_PORT_IN,
      maxBytes,
      log,
    });
    onClose('SMTP', () => smtp.close());
  }
});

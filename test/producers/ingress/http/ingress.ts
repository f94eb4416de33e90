import { randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { createKeyCheck } from '../../../../producers/ingress/check-key.ts';
import { codeSettings } from '../../../../shared/db/code-settings.ts';
import { buildApp, usualLimits, type AppLimits } from '../../../../producers/ingress/http/app.ts';
import type { IngressContext } from '../../../../producers/ingress/http/ingress-context.ts';
import { createDomainEvents } from '../../../../producers/ingress/domain-events.ts';
import { createRequestStats } from '../../../../producers/ingress/request-stats.ts';
import { loadVerdict } from '../../../../shared/db/domain-counters.ts';
import { createRateLimits } from '../../../../producers/ingress/rate-limits.ts';
import { createSignUpKeys } from '../../../../producers/ingress/sign-up-keys.ts';
import { createRecentRequests } from '../../../../producers/ingress/recent-requests.ts';
import { scopes } from '../../../../shared/contracts/accounts-api.ts';
import { kafkaEnv, parseEnv } from '../../../../shared/config/env.ts';
import { topicsOf } from '../../../../shared/contracts/topics.ts';
import { findUsableKeys } from '../../../../shared/db/api-keys.ts';
import type { Pool } from '../../../../shared/db/connect.ts';
import type { WeighSettings } from '../../../../shared/db/decide-weights.ts';
import type { RateAsk } from '../../../../shared/db/rate-buckets.ts';
import type { CountedOutcome, StatisticsRow } from '../../../../shared/db/statistics.ts';
import { unsubscribeKey } from '../../../../shared/domain/unsubscribe-link.ts';
import { configuredEsps } from '../../../../shared/esp/accounts.ts';
import type { BlobStore } from '../../../../shared/runtime/blob-store.ts';
import { createLog } from '../../../../shared/runtime/log.ts';
import { createMetrics } from '../../../../shared/runtime/metrics.ts';
import type { Publisher } from '../../../../shared/runtime/publisher.ts';
import type { OutgoingRecord } from '../../../../shared/runtime/records.ts';

export const adminKey = 'k'.repeat(32);
export const withKey = { authorization: `Bearer ${adminKey}` };

/** What became of mail that was sent two hours ago. */
export const outcomes = (
  esp: string,
  mailboxProvider: string,
  counts: Partial<Record<CountedOutcome, number>>,
): StatisticsRow => ({
  ...{ accountId: 'admin', esp, mailboxProvider, batchId: '', minute: new Date(Date.now() - 7_200_000) },
  ...{ sent: 0, delivered: 0, opened: 0, clicked: 0, bounced: 0, complained: 0, failed: 0, catchAll: 0 },
  ...counts,
});

export interface TestIngress {
  /** What other doors stand on too. */
  readonly context: IngressContext;
  readonly weighing: WeighSettings;
  readonly app: Awaited<ReturnType<typeof buildApp>>;
  /** What Kafka has, in order. */
  readonly published: readonly OutgoingRecord[];
  /** Large content by its key. */
  readonly blobs: ReadonlyMap<string, string>;
  /** From now on, publishing fails with this; undefined heals it. */
  failWith(error: Error | undefined): void;
  /** Forgets what it was asked; request ids begin at req_1 again. */
  clear(): void;
}

const noPostgres = (): never => {
  throw new TypeError('this route asked Postgres');
};
/** For routes that must do without Postgres. */
const nobodysPool: Pool = { query: noPostgres, transaction: noPostgres, end: noPostgres };

/** Limits that nobody meets. */
const grantAll = (asks: readonly RateAsk[]): Promise<readonly number[]> =>
  Promise.resolve(asks.map(({ want }) => want));

/** An ingress on ports in memory. */
export const testIngress = async (
  more: Partial<IngressContext> = {},
  limits: Partial<AppLimits> = {},
): Promise<TestIngress> => {
  const published: OutgoingRecord[] = [];
  const blobs = new Map<string, string>();
  let fault: Error | undefined;
  const publisher: Publisher = {
    publish: (records) => {
      if (fault !== undefined) return Promise.reject(fault);
      published.push(...records);
      return Promise.resolve();
    },
    connect: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const blobStore: BlobStore = {
    put: (key, body) => {
      blobs.set(key, body);
      return Promise.resolve();
    },
    get: (key) => Promise.resolve(blobs.get(key)),
    remove: (key) => {
      blobs.delete(key);
      return Promise.resolve();
    },
  };
  let requests = 0;
  const esps = configuredEsps({ SENDGRID_API_KEY: 'SG.x', POSTMARK_SERVER_TOKEN: 't' });
  const topics = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' }));
  const context: IngressContext = {
    publisher,
    pool: nobodysPool,
    topics,
    recent: createRecentRequests(),
    blobs: blobStore,
    metrics: createMetrics('test'),
    keys: createKeyCheck({
      adminKey,
      find: (hashes) => findUsableKeys(more.pool ?? nobodysPool, hashes),
      onUse: () => undefined,
      now: Date.now,
    }),
    rateLimits: createRateLimits({ lease: grantAll, now: Date.now, random: Math.random }),
    addressLimits: { requestsPerMinute: 60_000, failuresPerMinute: 6_000 },
    trustedProxies: [],
    esps,
    webhookAccounts: new Map(),
    weighing: {
      policy: 'rates',
      esps: esps.map((esp) => esp.name),
      roundSeconds: 5,
      thresholds: { healthyThreshold: 6, unhealthyThreshold: 2 },
    },
    deliveredThreshold: 1_000,
    codes: codeSettings({
      JWT_SECRET: 's'.repeat(32),
      OTP_LIFESPAN_SECONDS: 300,
      OTP_RESEND_SECONDS: 30,
      OTP_MAX_PER_HOUR: 5,
      OTP_ECHO: true,
      MAIL_FROM: 'Codes <codes@acme.example>',
    }),
    isOpen: false,
    signUpKeys: createSignUpKeys({ secret: 's'.repeat(32), pool: more.pool ?? nobodysPool, now: Date.now }),
    publicUrl: 'http://127.0.0.1:8080',
    verdicts: { verdictOf: (domain) => loadVerdict(more.pool ?? nobodysPool, domain) },
    domainEvents: createDomainEvents({ publisher, topic: topics.delivery, producer: randomUUID() }),
    requestStats: createRequestStats(),
    outgoing: { secretKey: Buffer.alloc(32, 7), allowPrivate: false },
    hasMetrics: true,
    maxMessageBytes: 1_000_000,
    unsubscribeKey: unsubscribeKey(adminKey),
    isReady: () => ({ ready: true, waitingFor: [] }),
    newRequestId: () => `req_${(requests += 1)}`,
    newId: (prefix) => `${prefix}${uuidV7()}`,
    ...more,
  };
  const app = await buildApp(context, createLog({ name: 'test', level: 'silent' }), { ...usualLimits, ...limits });
  return {
    app,
    context,
    weighing: context.weighing,
    published,
    blobs,
    failWith: (error) => {
      fault = error;
    },
    clear: () => {
      published.length = 0;
      blobs.clear();
      fault = undefined;
      requests = 0;
    },
  };
};

/** Keys of which every one is that of a customer, with every scope. */
export const keysOf = (accountId: string): IngressContext['keys'] => ({
  check: () => Promise.resolve({ accountId, keyId: 'key_1', scopes, senderDomains: [], limits: undefined }),
  forget: () => undefined,
});

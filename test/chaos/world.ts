import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import kafkajs from 'kafkajs';
import pg from 'pg';
import { openAppLog } from '../../fleet/app-log.ts';
import { freePort } from '../../fleet/ports.ts';
import { processes, type PlacedProcess } from '../../fleet/processes.ts';
import { composeSettings, type FleetSettings } from '../../fleet/settings.ts';
import { supervise } from '../../fleet/supervise.ts';
import { kafkaEnv, parseEnv } from '../../shared/config/env.ts';
import { kafkaClient } from '../../shared/runtime/kafka.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { ensureTopics } from '../../shared/runtime/topics.ts';
import { startCutProxy, type CutProxy } from '../support/cut-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { chaosClient, type ChaosClient } from './client.ts';
import { startStores, type Stores } from './stores.ts';

const espNames = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'] as const;
export type ProxiedEsp = (typeof espNames)[number];

export interface ForeignRecord {
  readonly key: string;
  readonly value: string | Buffer | null;
}

/** Kafka, Postgres, the simulated ESPs and the fleet's own processes, each behind what can harm it. */
export interface World {
  readonly seed: number;
  /** 0–1, by the seed. */
  readonly random: () => number;
  readonly stores: Stores;
  readonly settings: FleetSettings;
  readonly espProxies: Readonly<Record<ProxiedEsp, CutProxy>>;
  readonly url: string;
  /** What the supervisor said: who ended unasked, and who is back. */
  readonly said: readonly string[];
  /** A caller whose time begins now. */
  client(): Promise<ChaosClient>;
  /** Starts another copy of a process of the fleet and answers its name once it is ready. */
  join(process: string, env?: Readonly<Record<string, string>>): Promise<string>;
  /** Waits until a copy is ready (again). */
  ready(name: string, deadlineMs: number): Promise<void>;
  /** Drains and ends a copy; answers how long that took, in ms. */
  leave(name: string): Promise<number>;
  /** Starts copies until there are so many; answers the names of all. */
  atLeast(process: string, copies: number): Promise<readonly string[]>;
  /** Copies that were joined and not left, of one process. */
  copiesOf(process: string): readonly string[];
  signal(name: string, signal: NodeJS.Signals): boolean;
  pidOf(name: string): number | undefined;
  adminUrl(name: string): string;
  /** Puts records on a topic, as a foreign producer does, around whatever the proxy does. */
  publish(topic: string, records: readonly ForeignRecord[]): Promise<void>;
  /** Does something with Kafka's admin client. */
  admin<T>(act: (admin: Admin) => Promise<T>): Promise<T>;
  /** Waits until a group has committed all that is on a topic. */
  caughtUp(group: string, topic: string, deadlineMs: number): Promise<void>;
  /** One statement, around the proxy. */
  sql<Row extends pg.QueryResultRow>(statement: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Heals everything that can be healed, and forgets what ESPs were told to do. */
  heal(): Promise<void>;
  /** Waits until nothing of a client's messages is left to happen but webhooks. */
  settle(
    client: ChaosClient,
    options?: { readonly deadlineMs?: number; readonly mayStayUnknown?: ReadonlySet<string> },
  ): Promise<void>;
  stop(): Promise<void>;
}

/** mulberry32: small, and the same everywhere for the same seed. */
export const seededBy = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** What every scenario needs; senders are joined by the scenario, or by `standardFleet`. */
const backbone = [
  'simulator',
  'ingress',
  'delivery-events',
  'webhook-sendgrid',
  'webhook-postmark',
  'webhook-sparkpost',
  'webhook-socketlabs',
  'webhook-ses',
  'esp-weights',
  'scheduler',
  'dead-letters',
];

const unsettled = ['queued', 'scheduled', 'sending', 'unknown', 'deferred'];

const topicsUnder = (prefix: string): Readonly<Record<string, string>> => ({
  KAFKA_EMAIL_TOPIC: `${prefix}.email-send`,
  KAFKA_DELIVERY_TOPIC: `${prefix}.delivery-events`,
  KAFKA_VERDICT_TOPIC: `${prefix}.domain-verdicts`,
  KAFKA_OUTCOME_TOPIC: `${prefix}.email-outcomes`,
  KAFKA_TASK_TOPIC: `${prefix}.tasks`,
  WEBHOOK_TOPIC_SENDGRID: `${prefix}.webhook-sendgrid`,
  WEBHOOK_TOPIC_POSTMARK: `${prefix}.webhook-postmark`,
  WEBHOOK_TOPIC_SPARKPOST: `${prefix}.webhook-sparkpost`,
  WEBHOOK_TOPIC_SOCKETLABS: `${prefix}.webhook-socketlabs`,
  WEBHOOK_TOPIC_SES: `${prefix}.webhook-ses`,
});

/** What is left to happen to a client's messages, in words; empty when nothing is. */
const unsettledNow = async (client: ChaosClient, mayStayUnknown: ReadonlySet<string>): Promise<string> => {
  for (const state of unsettled) {
    if (state === 'unknown' && mayStayUnknown.size > 0) continue;
    if (await client.anyIn(state)) return `some are ${state}`;
  }
  const told = await client.told();
  const missing = client.acked.filter(({ id }) => !told.has(id)).length;
  if (missing > 0) return `${missing} are not stored`;
  const open = [...told.values()].filter(
    ({ id, status }) => unsettled.includes(status) && !(status === 'unknown' && mayStayUnknown.has(id)),
  );
  return open.length > 0 ? `${open.length} are open` : '';
};

const find = (name: string) => {
  const found = processes.find((process) => process.name === name);
  if (found === undefined) throw new Error(`no such process: ${name}`);
  return found;
};

/** Starts everything but the senders. The compiled code in dist/ runs. */
export const startWorld = async (options: {
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<World> => {
  const stores = await startStores(options.say);
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const [httpPort, simulatorPort, smtpPort, smtpsPort] = ports;
  const espProxies = Object.fromEntries(
    await Promise.all(
      espNames.map(async (name) => [name, await startCutProxy(name === 'smtp' ? smtpPort : simulatorPort)] as const),
    ),
  ) as Record<ProxiedEsp, CutProxy>;
  const through = (name: ProxiedEsp): string => `http://127.0.0.1:${espProxies[name].port}/${name}`;
  const settings = composeSettings({
    PATH: process.env['PATH'] ?? '',
    MAILFLEET_HOME: stores.home,
    KAFKA_BROKERS: stores.brokers.join(','),
    DATABASE_URL: stores.databaseUrl,
    HOST: '127.0.0.1',
    PORT: String(httpPort),
    GRPC_PORT: '0',
    SMTP_PORT_IN: '0',
    SIMULATOR: 'on',
    SIMULATOR_PORT: String(simulatorPort),
    SIMULATOR_SMTP_PORT: String(smtpPort),
    SIMULATOR_SMTPS_PORT: String(smtpsPort),
    SIMULATOR_SEED: String(options.seed),
    SENDGRID_BASE_URL: through('sendgrid'),
    POSTMARK_BASE_URL: through('postmark'),
    SPARKPOST_BASE_URL: through('sparkpost'),
    SOCKETLABS_BASE_URL: through('socketlabs'),
    SES_BASE_URL: through('ses'),
    SMTP_PORT: String(espProxies.smtp.port),
    // Every ESP has its share in every scenario, whatever was learned of it in the one before.
    WEIGHT_POLICY: 'even',
    ...topicsUnder(`chaos-${randomUUID().slice(0, 8)}`),
    ...options.env,
  });
  const said: string[] = [];
  const appLog = openAppLog(join(stores.home, 'app.log'), { maxBytes: 200_000_000 });
  const environments = new Map<string, Readonly<Record<string, string>>>();
  const supervisor = supervise({
    environment: settings.environment,
    appLog,
    record: stores.record,
    say: (line) => said.push(line),
    environmentOf: (name) => environments.get(name) ?? {},
  });
  const placed = new Map<string, PlacedProcess & { readonly of: string }>();
  // The supervisor knows a process by its name for good, also after it has left.
  const used = new Set<string>();

  const place = async (process: string): Promise<PlacedProcess & { readonly of: string }> => {
    const adminPort = await freePort();
    const name = used.has(process) ? `${process}-${used.size}` : process;
    used.add(name);
    const one = { ...find(process), name, adminPort, of: process };
    placed.set(name, one);
    return one;
  };
  const joinOne: World['join'] = async (process, env = {}) => {
    const one = await place(process);
    environments.set(one.name, env);
    await supervisor.start([one], () => undefined);
    return one.name;
  };
  const copiesOf = (process: string): string[] =>
    [...placed.values()].filter((one) => one.of === process).map(({ name }) => name);

  const direct = new pg.Pool({
    connectionString: stores.directDatabaseUrl,
    max: 3,
    connectionTimeoutMillis: 5_000,
    // A scenario that makes the server read-only must be able to end that.
    options: '-c default_transaction_read_only=off',
  });
  direct.on('error', () => undefined);
  const sql: World['sql'] = async <Row extends pg.QueryResultRow>(statement: string, values: readonly unknown[] = []) =>
    (await direct.query<Row>(statement, [...values])).rows;

  const silent = createLog({ name: 'chaos', level: 'silent' });
  const kafka = kafkaClient(stores.brokers, 'chaos', silent);
  const withAdmin: World['admin'] = async (act) => {
    const admin = kafka.admin();
    await admin.connect();
    try {
      return await act(admin);
    } finally {
      await admin.disconnect();
    }
  };
  const lag = async (group: string, topic: string): Promise<number> =>
    withAdmin(async (admin) => {
      const ends = await admin.fetchTopicOffsets(topic);
      const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return ends.reduce((sum, { partition, high, low }) => {
        const at = committed?.partitions.find((one) => one.partition === partition)?.offset ?? '-1';
        const end = Number(high);
        return sum + (end === Number(low) ? 0 : end - Math.max(Number(at), Number(low)));
      }, 0);
    });

  const stop = async (): Promise<void> => {
    for (const name of placed.keys()) supervisor.kill(name, 'SIGCONT');
    await supervisor.stop(({ kind }) => kind === 'consumer' || kind === 'ticker');
    await supervisor.stop(() => true);
    await appLog.close();
    await direct.end().catch(() => undefined);
    await Promise.all(Object.values(espProxies).map((proxy) => proxy.close()));
    await stores.stop();
  };

  try {
    await ensureTopics(parseEnv(kafkaEnv, settings.environment), silent);
    await supervisor.start(await Promise.all(backbone.map(place)), () => undefined);
  } catch (error) {
    await stop();
    throw error;
  }

  const simulatorUrl = `http://127.0.0.1:${simulatorPort}`;
  return {
    seed: options.seed,
    random: seededBy(options.seed),
    stores,
    settings,
    espProxies,
    url: settings.url,
    said,
    client: async () => {
      const [row] = await sql<{ now: Date }>('select now() as now');
      const since = (row?.now ?? new Date()).toISOString();
      return chaosClient({ url: settings.url, simulatorUrl, key: settings.adminKey, since });
    },
    join: joinOne,
    leave: async (name) => {
      const startedAt = performance.now();
      await supervisor.stop((process) => process.name === name);
      placed.delete(name);
      return performance.now() - startedAt;
    },
    atLeast: async (process, copies) => {
      while (copiesOf(process).length < copies) await joinOne(process);
      return copiesOf(process);
    },
    copiesOf,
    ready: async (name, deadlineMs) => {
      const { adminPort } = placed.get(name) ?? { adminPort: 0 };
      await waitFor(async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok, {
        what: `${name} being ready`,
        deadlineMs,
      });
    },
    signal: (name, signal) => supervisor.kill(name, signal),
    pidOf: (name) => supervisor.pidOf(name),
    adminUrl: (name) => `http://127.0.0.1:${placed.get(name)?.adminPort ?? 0}`,
    publish: async (topic, records) => {
      const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
      await producer.connect();
      try {
        for (let start = 0; start < records.length; start += 2_000) {
          await producer.send({
            topic,
            messages: records.slice(start, start + 2_000).map((record) => ({ ...record })),
          });
        }
      } finally {
        await producer.disconnect();
      }
    },
    admin: withAdmin,
    caughtUp: async (group, topic, deadlineMs) => {
      await waitFor(async () => (await lag(group, topic)) === 0, { what: `${group} having read ${topic}`, deadlineMs });
    },
    sql,
    heal: async () => {
      await Promise.all(
        [stores.kafka.proxy, stores.postgres.proxy, ...Object.values(espProxies)].map((proxy) =>
          proxy.mode({ kind: 'pass' }),
        ),
      );
      stores.kafka.proxy.dropProduceAnswers(0, Math.random, 'cut');
      await fetch(`${simulatorUrl}/reset`, { method: 'POST' });
      // What the last scenario left, and what it did to an ESP's standing, is not the next one's.
      await sql(
        `update messages set status = 'cancelled', reason = 'left over', due_at = null, lease_token = null, lease_until = null
         where status in ('queued', 'scheduled', 'sending', 'unknown', 'deferred')`,
      );
      await sql('delete from esp_health');
      await sql('delete from esp_rounds');
    },
    settle: async (client, { deadlineMs = 200_000, mayStayUnknown = new Set<string>() } = {}) => {
      let last = 'nothing was asked yet';
      const deadline = performance.now() + deadlineMs;
      for (;;) {
        last = await unsettledNow(client, mayStayUnknown).catch((error: unknown) => String(error));
        if (last === '') return;
        if (performance.now() > deadline) throw new Error(`not settled within ${deadlineMs} ms: ${last}`);
        await pause(500);
      }
    },
    stop,
  };
};

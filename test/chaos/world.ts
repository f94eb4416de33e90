import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { openAppLog } from '../../fleet/app-log.ts';
import { freePort } from '../../fleet/ports.ts';
import { processes, type PlacedProcess } from '../../fleet/processes.ts';
import { composeSettings, type FleetSettings } from '../../fleet/settings.ts';
import { supervise } from '../../fleet/supervise.ts';
import { kafkaEnv, parseEnv } from '../../shared/config/env.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { ensureTopics } from '../../shared/runtime/topics.ts';
import { startCutProxy, type CutProxy } from '../support/cut-proxy.ts';
import { chaosClient, type ChaosClient } from './client.ts';
import { startStores, type Stores } from './stores.ts';

const espNames = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'] as const;
export type ProxiedEsp = (typeof espNames)[number];

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
  /** Drains and ends a copy; answers how long that took, in ms. */
  leave(name: string): Promise<number>;
  /** Starts copies until there are so many; answers the names of all. */
  atLeast(process: string, copies: number): Promise<readonly string[]>;
  /** Copies that were joined and not left, of one process. */
  copiesOf(process: string): readonly string[];
  signal(name: string, signal: NodeJS.Signals): boolean;
  pidOf(name: string): number | undefined;
  adminUrl(name: string): string;
  /** One statement, around the proxy. */
  sql<Row extends pg.QueryResultRow>(statement: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Heals everything that can be healed, and forgets what ESPs were told to do. */
  heal(): Promise<void>;
  /** Waits until nothing of a client's messages is left to happen but webhooks. */
  settle(
    client: ChaosClient,
    options?: { readonly deadlineMs?: number; readonly mayStayUnknown?: boolean },
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
  WEBHOOK_TOPIC_SENDGRID: `${prefix}.webhook-sendgrid`,
  WEBHOOK_TOPIC_POSTMARK: `${prefix}.webhook-postmark`,
  WEBHOOK_TOPIC_SPARKPOST: `${prefix}.webhook-sparkpost`,
  WEBHOOK_TOPIC_SOCKETLABS: `${prefix}.webhook-socketlabs`,
  WEBHOOK_TOPIC_SES: `${prefix}.webhook-ses`,
});

/** What is left to happen to a client's messages, in words; empty when nothing is. */
const unsettledNow = async (client: ChaosClient, states: readonly string[]): Promise<string> => {
  for (const state of states) if (await client.anyIn(state)) return `some are ${state}`;
  const told = await client.told();
  const missing = client.acked.filter(({ id }) => !told.has(id)).length;
  if (missing > 0) return `${missing} are not stored`;
  const open = [...told.values()].filter(({ status }) => states.includes(status)).length;
  return open > 0 ? `${open} are open` : '';
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
  let joined = 0;

  const place = async (process: string): Promise<PlacedProcess & { readonly of: string }> => {
    const adminPort = await freePort();
    joined += 1;
    const name = placed.has(process) || joined > 100 ? `${process}-${joined}` : process;
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

  const direct = new pg.Pool({ connectionString: stores.directDatabaseUrl, max: 3, connectionTimeoutMillis: 5_000 });
  direct.on('error', () => undefined);
  const sql: World['sql'] = async <Row extends pg.QueryResultRow>(statement: string, values: readonly unknown[] = []) =>
    (await direct.query<Row>(statement, [...values])).rows;

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
    await ensureTopics(parseEnv(kafkaEnv, settings.environment), createLog({ name: 'chaos', level: 'silent' }));
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
    signal: (name, signal) => supervisor.kill(name, signal),
    pidOf: (name) => supervisor.pidOf(name),
    adminUrl: (name) => `http://127.0.0.1:${placed.get(name)?.adminPort ?? 0}`,
    sql,
    heal: async () => {
      await Promise.all(
        [stores.kafka.proxy, stores.postgres.proxy, ...Object.values(espProxies)].map((proxy) =>
          proxy.mode({ kind: 'pass' }),
        ),
      );
      stores.kafka.proxy.dropProduceAnswers(0, Math.random, 'cut');
      await fetch(`${simulatorUrl}/reset`, { method: 'POST' });
      // What the last scenario did to an ESP's standing is not the next one's.
      await sql('delete from esp_health');
      await sql('delete from esp_rounds');
    },
    settle: async (client, { deadlineMs = 200_000, mayStayUnknown = false } = {}) => {
      const states = unsettled.filter((state) => state !== 'unknown' || !mayStayUnknown);
      let last = 'nothing was asked yet';
      const deadline = performance.now() + deadlineMs;
      for (;;) {
        last = await unsettledNow(client, states).catch((error: unknown) => String(error));
        if (last === '') return;
        if (performance.now() > deadline) throw new Error(`not settled within ${deadlineMs} ms: ${last}`);
        await pause(500);
      }
    },
    stop,
  };
};

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openAppLog } from '../../fleet/app-log.ts';
import { freePort } from '../../fleet/ports.ts';
import { placeProcesses, processes, type PlacedProcess } from '../../fleet/processes.ts';
import { beginRecord } from '../../fleet/run-record.ts';
import { composeSettings } from '../../fleet/settings.ts';
import { supervise } from '../../fleet/supervise.ts';
import { kafkaEnv, parseEnv } from '../../shared/config/env.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { ensureTopics } from '../../shared/runtime/topics.ts';
import { createTestDatabase } from './test-database.ts';
import { testHome, testKafkaBrokers } from './test-services.ts';

/** Real processes under the real supervisor, on ports, topics and a database of their own. */
export interface TestFleet {
  /** Of the ingress. */
  readonly url: string;
  readonly adminKey: string;
  readonly simulatorUrl: string;
  readonly databaseUrl: string;
  readonly brokers: readonly string[];
  /** What the processes were started with: topic names among it. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the supervisor said: one line whenever a process ended unasked, one when it was back. */
  readonly said: readonly string[];
  /** The admin server of a process: /live, /ready, /metrics. */
  adminUrl(name: string): string;
  /** False when it does not run. A process that ends is started again. */
  kill(name: string, signal: NodeJS.Signals): boolean;
  pidOf(name: string): number | undefined;
  /** Drains and ends everything, and removes what the fleet made. */
  stop(): Promise<void>;
}

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

const onFreePorts = async (placed: readonly PlacedProcess[]): Promise<readonly PlacedProcess[]> => {
  const ports = await Promise.all(placed.map(() => freePort()));
  return placed.map((process, index) => ({ ...process, adminPort: ports[index] ?? process.adminPort }));
};

const select = (names: readonly string[] | undefined) => {
  const unknown = (names ?? []).filter((name) => processes.every((process) => process.name !== name));
  if (unknown.length > 0) throw new Error(`no such process: ${unknown.join(', ')}`);
  return names === undefined ? processes : processes.filter(({ name }) => names.includes(name));
};

/**
 * Starts a fleet of the named processes (all without a list) and waits until each is ready. `env` is added to what they
 * are started with. The compiled code in dist/ runs, which `npm test` has made.
 */
export const startTestFleet = async (
  options: { readonly processes?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<TestFleet> => {
  const home = mkdtempSync(join(testHome(), 'fleet-'));
  const database = await createTestDatabase();
  const brokers = testKafkaBrokers();
  const ports = await Promise.all(Array.from({ length: 6 }, () => freePort()));
  const settings = composeSettings({
    PATH: process.env['PATH'] ?? '',
    MAILFLEET_HOME: home,
    KAFKA_BROKERS: brokers.join(','),
    DATABASE_URL: database.url,
    HOST: '127.0.0.1',
    PORT: String(ports[0]),
    GRPC_PORT: String(ports[4]),
    SMTP_PORT_IN: String(ports[5]),
    SIMULATOR: 'on',
    SIMULATOR_PORT: String(ports[1]),
    SIMULATOR_SMTP_PORT: String(ports[2]),
    SIMULATOR_SMTPS_PORT: String(ports[3]),
    ...topicsUnder(`test-${randomUUID().slice(0, 8)}`),
    ...options.env,
  });
  const said: string[] = [];
  const appLog = openAppLog(join(home, 'app.log'));
  const supervisor = supervise({
    environment: settings.environment,
    appLog,
    record: beginRecord(join(home, 'fleet.json')),
    say: (line) => said.push(line),
  });
  const stop = async (): Promise<void> => {
    await supervisor.stop(({ kind }) => kind === 'consumer' || kind === 'ticker');
    await supervisor.stop(() => true);
    await appLog.close();
    await database.drop();
    rmSync(home, { recursive: true, force: true });
  };

  const placed = await onFreePorts(
    placeProcesses(select(options.processes), { copies: settings.copies, adminPort: 1 }),
  );
  try {
    await ensureTopics(parseEnv(kafkaEnv, settings.environment), createLog({ name: 'test', level: 'silent' }));
    await supervisor.start(placed, () => undefined);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: settings.url,
    adminKey: settings.adminKey,
    simulatorUrl: `http://127.0.0.1:${settings.simulatorPort}`,
    databaseUrl: database.url,
    brokers,
    environment: settings.environment,
    said,
    adminUrl: (name) => {
      const found = placed.find((process) => process.name === name);
      if (found === undefined) throw new Error(`no such process: ${name}`);
      return `http://127.0.0.1:${found.adminPort}`;
    },
    kill: (name, signal) => supervisor.kill(name, signal),
    pidOf: (name) => supervisor.pidOf(name),
    stop,
  };
};

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openAppLog } from '../fleet/app-log.ts';
import { freePort } from '../fleet/ports.ts';
import { placeProcesses, processes } from '../fleet/processes.ts';
import { composeSettings, type FleetSettings } from '../fleet/settings.ts';
import { supervise } from '../fleet/supervise.ts';
import { kafkaEnv, parseEnv } from '../shared/config/env.ts';
import { topicsOf, type Topics } from '../shared/contracts/topics.ts';
import { createLog } from '../shared/runtime/log.ts';
import { ensureTopics } from '../shared/runtime/topics.ts';
import type { Stores } from './stores.ts';

export const silentLog = createLog({ name: 'bench', level: 'silent' });

/** The settings of a fleet on a database and topics of its own; nothing runs yet but the topics are there. */
export interface BenchFleet {
  readonly settings: FleetSettings;
  readonly simulatorUrl: string;
  readonly topics: Topics;
  readonly brokers: readonly string[];
  /** Starts the named processes as `npm start` does, and answers how they are drained and ended. */
  start(names: readonly string[], env?: Readonly<Record<string, string>>): Promise<() => Promise<void>>;
}

/** Makes ready for a fleet of real processes on ports and topics of its own. */
export const createBenchFleet = async (stores: Stores, databaseUrl: string): Promise<BenchFleet> => {
  const [port, simulatorPort, smtpPort, smtpsPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const prefix = `bench-${randomUUID().slice(0, 8)}`;
  const names = {
    KAFKA_EMAIL_TOPIC: `${prefix}.email-send`,
    KAFKA_DELIVERY_TOPIC: `${prefix}.delivery-events`,
    KAFKA_VERDICT_TOPIC: `${prefix}.domain-verdicts`,
    KAFKA_OUTCOME_TOPIC: `${prefix}.email-outcomes`,
    KAFKA_TASK_TOPIC: `${prefix}.tasks`,
    ...Object.fromEntries(
      Object.keys(kafkaEnv)
        .filter((name) => name.startsWith('WEBHOOK_TOPIC_'))
        .map((name) => [name, `${prefix}.${name.toLowerCase()}`]),
    ),
  };
  const settings = composeSettings({
    PATH: process.env['PATH'] ?? '',
    MAILFLEET_HOME: stores.home,
    KAFKA_BROKERS: stores.brokers.join(','),
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    PORT: String(port),
    GRPC_PORT: '0',
    SMTP_PORT_IN: '0',
    SIMULATOR: 'on',
    SIMULATOR_PORT: String(simulatorPort),
    SIMULATOR_SMTP_PORT: String(smtpPort),
    SIMULATOR_SMTPS_PORT: String(smtpsPort),
    ...names,
  });
  const env = parseEnv(kafkaEnv, settings.environment);
  await ensureTopics(env, silentLog);

  return {
    settings,
    simulatorUrl: `http://127.0.0.1:${simulatorPort}`,
    topics: topicsOf(env),
    brokers: stores.brokers,
    start: async (wanted, more = {}) => {
      const appLog = openAppLog(join(stores.home, 'app.log'));
      const ended: string[] = [];
      const supervisor = supervise({
        environment: { ...settings.environment, ...more },
        appLog,
        // The stores' own record says that benchmarks run; a killed run's processes end by themselves.
        record: { add: () => undefined, remove: () => undefined },
        say: (line) => ended.push(line),
      });
      const placed = await Promise.all(
        placeProcesses(
          processes.filter(({ name }) => wanted.includes(name)),
          { copies: 1, adminPort: 1 },
        ).map(async (process) => ({ ...process, adminPort: await freePort() })),
      );
      const stop = async (): Promise<void> => {
        await supervisor.stop(({ kind }) => kind === 'consumer' || kind === 'ticker');
        await supervisor.stop(() => true);
        await appLog.close();
        if (ended.length > 0) throw new Error(`A process ended during the benchmark: ${ended.join('; ')}`);
      };
      try {
        await supervisor.start(placed, () => undefined);
      } catch (error) {
        await stop().catch(() => undefined);
        throw error;
      }
      return stop;
    },
  };
};

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sendSignal } from '../../fleet/os-process.ts';
import { freePort } from '../../fleet/ports.ts';
import { beginRecord, livingSupervisor, stopLeftovers, type RunRecord } from '../../fleet/run-record.ts';
import { javaKafka } from '../../fleet/services/kafka-java.ts';
import { postgresPlace } from '../../fleet/services/postgres-place.ts';
import { embeddedPostgresUrl } from '../../fleet/services/postgres-url.ts';
import { embeddedPostgres } from '../../fleet/services/postgres.ts';
import { composeSettings, readEnvironment } from '../../fleet/settings.ts';
import { migrateDatabase } from '../../migrations/migrate.ts';
import { startCutProxy, type CutProxy } from '../support/cut-proxy.ts';

/** A broker or a database of the scenarios' own, whose process may be harmed; it is started again by itself. */
export interface Victim {
  /** Before it: what clients connect to. */
  readonly proxy: CutProxy;
  /** Its process; undefined while it does not run. */
  pid(): number | undefined;
  signal(signal: NodeJS.Signals): void;
}

export interface Stores {
  readonly home: string;
  readonly record: RunRecord;
  readonly kafka: Victim;
  readonly postgres: Victim;
  /** Clients come here, and so through the proxies. */
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
  /** Around the proxies, for the scenario itself. */
  readonly directDatabaseUrl: string;
  stop(): Promise<void>;
}

const password = 'chaos-only';

const victim = (name: string, proxy: CutProxy, pidFile: () => string): Victim => {
  const pid = (): number | undefined => {
    const file = pidFile();
    if (!existsSync(file)) return undefined;
    const found = Number(readFileSync(file, 'utf8').split('\n')[0]);
    return Number.isInteger(found) && found > 1 ? found : undefined;
  };
  return {
    proxy,
    pid,
    signal: (signal) => {
      const found = pid();
      if (found === undefined || !sendSignal(found, signal)) throw new Error(`${name} does not run`);
    },
  };
};

/**
 * Starts a Kafka and a Postgres as `npm start` does - durable, no settings for speed - on free ports, with proxies before
 * them and data of their own, which go at the end. Needs Java: a container's broker has no process to kill.
 */
export const startStores = async (say: (line: string) => void): Promise<Stores> => {
  const settings = composeSettings(readEnvironment());
  const home = join(settings.home, 'chaos');
  const recordFile = join(home, 'fleet.json');
  const living = livingSupervisor(recordFile);
  if (living !== undefined) throw new Error(`Failure tests run already (pid ${living}).`);

  const [port, kafkaPort, controllerPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const kafkaProxy = await startCutProxy(kafkaPort);
  const postgresProxy = await startCutProxy(port);
  const postgres = embeddedPostgres({ home, root: settings.home, port, password, say });
  const jars = join(settings.home, 'kafka', 'libs');
  const kafka = javaKafka({ home, jars, port: kafkaPort, controllerPort, say, advertisedPort: kafkaProxy.port });
  const { folder } = await postgresPlace(home, settings.home);

  const removeData = (): void => {
    for (const path of [folder, home]) rmSync(path, { recursive: true, force: true });
  };
  const stop = async (): Promise<void> => {
    // What was stopped by a signal cannot hear another one.
    for (const name of [kafkaVictim, postgresVictim]) {
      const pid = name.pid();
      if (pid !== undefined) sendSignal(pid, 'SIGCONT');
    }
    await Promise.all([kafka.stop(), postgres.stop()]);
    await Promise.all([kafkaProxy.close(), postgresProxy.close()]);
    removeData();
  };
  const kafkaVictim = victim('Kafka', kafkaProxy, () => join(home, 'kafka', 'kafka.pid'));
  const postgresVictim = victim('Postgres', postgresProxy, () => join(folder, 'data', 'postmaster.pid'));

  // What a killed run has left: its processes first, then its data.
  await stopLeftovers(recordFile);
  await Promise.all([postgres.clear(), kafka.clear()]);
  removeData();
  mkdirSync(home, { recursive: true });
  const record = beginRecord(recordFile);
  try {
    await Promise.all([postgres.start(), kafka.start()]);
    await migrateDatabase(embeddedPostgresUrl(port, password));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    home,
    record,
    kafka: kafkaVictim,
    postgres: postgresVictim,
    brokers: [`127.0.0.1:${kafkaProxy.port}`],
    databaseUrl: embeddedPostgresUrl(postgresProxy.port, password),
    directDatabaseUrl: embeddedPostgresUrl(port, password),
    stop,
  };
};

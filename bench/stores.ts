import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { migrateDatabase } from '../migrations/migrate.ts';
import { ConfigError } from '../shared/errors.ts';
import { freePort } from '../fleet/ports.ts';
import { beginRecord, livingSupervisor } from '../fleet/run-record.ts';
import { canRunOnDocker } from '../fleet/services/kafka-docker.ts';
import type { JavaKafkaOptions } from '../fleet/services/kafka-java.ts';
import { testcontainersKafka } from '../fleet/services/kafka-testcontainers.ts';
import { givenKafka, localKafka } from '../fleet/services/kafka.ts';
import { postgresPlace } from '../fleet/services/postgres-place.ts';
import { embeddedPostgresUrl } from '../fleet/services/postgres-url.ts';
import { embeddedPostgres, givenPostgres } from '../fleet/services/postgres.ts';
import type { Service } from '../fleet/services/service.ts';
import { composeSettings, readEnvironment } from '../fleet/settings.ts';

/** Kafka and Postgres for the benchmarks. */
export interface Stores {
  readonly brokers: readonly string[];
  /** Where processes keep their secrets and logs; goes at the end. */
  readonly home: string;
  /** What they are, for the report. */
  readonly descriptions: readonly string[];
  /** A migrated database of one's own; `drop` removes it. */
  createDatabase(name: string): Promise<{ readonly url: string; drop(): Promise<void> }>;
  stop(): Promise<void>;
}

const password = 'bench-only';

const onServer = async (url: string, sql: string): Promise<void> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
};

const databasesOn = (serverUrl: string): Stores['createDatabase'] => {
  return async (benchmark) => {
    const name = `mailfleet_bench_${process.pid}_${benchmark.replaceAll('-', '_')}`;
    await onServer(serverUrl, `CREATE DATABASE ${name}`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    await migrateDatabase(url.href);
    return { url: url.href, drop: () => onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
  };
};

// Never the container of npm start, which may be in use.
const ownKafka = async (options: JavaKafkaOptions): Promise<Service> =>
  (await canRunOnDocker()) ? testcontainersKafka(options) : localKafka(options);

/**
 * Starts Postgres and Kafka as `npm start` does (durable, no settings for speed) on free ports with data of their own,
 * which go at the end. A DATABASE_URL or KAFKA_BROKERS that is set is used instead.
 */
export const startStores = async (say: (line: string) => void): Promise<Stores> => {
  const settings = composeSettings(readEnvironment());
  const home = join(settings.home, 'bench');
  const recordFile = join(home, 'fleet.json');
  const living = livingSupervisor(recordFile);
  if (living !== undefined) throw new ConfigError(`Benchmarks run already (pid ${living}); two would slow each other.`);
  mkdirSync(home, { recursive: true });

  const [port, kafkaPort, controllerPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const isOurPostgres = settings.databaseUrl === undefined;
  const postgres = isOurPostgres
    ? embeddedPostgres({ home, root: settings.home, port, password, say })
    : givenPostgres(settings.databaseUrl);
  const options = { home, jars: join(settings.home, 'kafka', 'libs'), port: kafkaPort, controllerPort, say };
  const kafka = settings.kafkaBrokers === undefined ? await ownKafka(options) : givenKafka(settings.kafkaBrokers);

  const removeData = async (): Promise<void> => {
    if (isOurPostgres) {
      rmSync((await postgresPlace(home, settings.home)).folder, { recursive: true, force: true });
    }
    rmSync(home, { recursive: true, force: true });
  };
  const stop = async (): Promise<void> => {
    await Promise.all([kafka.stop(), postgres.stop()]);
    await removeData();
  };
  // What a killed run has left: its processes first, then its data.
  await Promise.all([postgres.clear(), kafka.clear()]);
  await removeData();
  mkdirSync(home, { recursive: true });
  beginRecord(recordFile);
  try {
    const descriptions = await Promise.all([postgres.start(), kafka.start()]);
    return {
      brokers: settings.kafkaBrokers ?? [`127.0.0.1:${kafkaPort}`],
      home,
      descriptions,
      createDatabase: databasesOn(settings.databaseUrl ?? embeddedPostgresUrl(port, password)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

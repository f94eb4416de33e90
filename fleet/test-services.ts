import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { commandOf } from './os-process.ts';
import { freePort } from './ports.ts';
import { stopLeftovers } from './run-record.ts';
import { canRunOnDocker } from './services/kafka-docker.ts';
import { javaKafka, type JavaKafkaOptions } from './services/kafka-java.ts';
import { testcontainersKafka } from './services/kafka-testcontainers.ts';
import { givenKafka, localKafka } from './services/kafka.ts';
import { embeddedPostgresUrl } from './services/postgres-url.ts';
import { embeddedPostgres, givenPostgres } from './services/postgres.ts';
import type { Service } from './services/service.ts';
import { composeSettings, readEnvironment } from './settings.ts';

/** Postgres and Kafka for one run of the tests, and what tells the tests where they are. */
export interface TestServices {
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

// On stderr: the last line of stdout is the result.
const say = (line: string): void => {
  console.error(line);
};
const password = 'tests-only';

const postgresAt = (home: string, root: string, port: number): Service =>
  embeddedPostgres({ home, root, port, password, say, isThrowaway: true });

/** Ends the processes of fleets in this folder whose test was cut off before it could. */
const stopFleets = async (home: string): Promise<void> => {
  const fleets = existsSync(home) ? readdirSync(home).filter((name) => name.startsWith('fleet-')) : [];
  await Promise.all(fleets.map((name) => stopLeftovers(join(home, name, 'fleet.json'))));
};

/** Ends and removes what test runs left behind that were killed. */
const sweep = async (folder: string, jars: string): Promise<void> => {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const pid = Number(/^run-(\d+)$/.exec(name)?.[1] ?? 0);
    if (pid === 0 || commandOf(pid).includes('test.mjs')) continue;
    const home = join(folder, name);
    await stopFleets(home);
    const stale = [postgresAt(home, join(folder, '..'), 0), javaKafka({ home, jars, port: 0, controllerPort: 0, say })];
    await Promise.all(stale.map((service) => service.clear().then(() => service.stop())));
    rmSync(home, { recursive: true, force: true });
  }
};

const testKafka = async (options: JavaKafkaOptions): Promise<Service> =>
  (await canRunOnDocker()) ? testcontainersKafka(options) : localKafka(options);

const dropDatabases = async (url: string, prefix: string): Promise<void> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const found = await client.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE starts_with(datname, $1)`,
      [prefix],
    );
    for (const { datname } of found.rows) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  } finally {
    await client.end();
  }
};

/**
 * Starts the services that tests run on, on free ports and with empty data, which goes again at the end. A DATABASE_URL
 * or KAFKA_BROKERS that is set is used instead; there, tests work in databases and topics of their own.
 */
export const startTestServices = async ({ withKafka }: { readonly withKafka: boolean }): Promise<TestServices> => {
  const settings = composeSettings(readEnvironment());
  const folder = join(settings.home, 'test');
  const jars = join(settings.home, 'kafka', 'libs');
  const home = join(folder, `run-${process.pid}`);
  await sweep(folder, jars);
  mkdirSync(home, { recursive: true });

  const postgresPort = await freePort();
  const kafkaPort = await freePort();
  const controllerPort = await freePort();
  const postgres =
    settings.databaseUrl === undefined
      ? postgresAt(home, settings.home, postgresPort)
      : givenPostgres(settings.databaseUrl);
  const kafka =
    settings.kafkaBrokers === undefined
      ? await testKafka({ home, jars, port: kafkaPort, controllerPort, say })
      : givenKafka(settings.kafkaBrokers);
  const services = withKafka ? [postgres, kafka] : [postgres];

  const databasePrefix = `mailfleet_test_${process.pid}_`;
  const databaseUrl = settings.databaseUrl ?? embeddedPostgresUrl(postgresPort, password);
  const stop = async (): Promise<void> => {
    await stopFleets(home);
    if (settings.databaseUrl !== undefined) await dropDatabases(settings.databaseUrl, databasePrefix);
    await Promise.all(services.map((service) => service.stop()));
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await Promise.all(services.map((service) => service.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    environment: {
      MAILFLEET_TEST_HOME: home,
      MAILFLEET_TEST_DATABASE_URL: databaseUrl,
      MAILFLEET_TEST_DATABASE_PREFIX: databasePrefix,
      ...(withKafka
        ? { MAILFLEET_TEST_KAFKA_BROKERS: (settings.kafkaBrokers ?? [`127.0.0.1:${kafkaPort}`]).join(',') }
        : {}),
    },
    stop,
  };
};

const needed = (name: string): string => {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: run these tests by npm test, which starts the services`);
  return value;
};

/** Where the Postgres of this run is; its databases are made by `createTestDatabase`. */
export const testDatabaseServer = (): string => needed('MAILFLEET_TEST_DATABASE_URL');

/** How every database of this run begins, so that they can be told from others and dropped. */
export const testDatabasePrefix = (): string => needed('MAILFLEET_TEST_DATABASE_PREFIX');

/** The brokers of this run. Each test uses topics of its own. */
export const testKafkaBrokers = (): readonly string[] => needed('MAILFLEET_TEST_KAFKA_BROKERS').split(',');

/** A folder of this run, which goes when it ends, even when it is killed. */
export const testHome = (): string => needed('MAILFLEET_TEST_HOME');

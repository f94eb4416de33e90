import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrateDatabase } from '../../migrations/migrate.ts';
import { testDatabasePrefix, testDatabaseServer } from './test-services.ts';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

const urlOf = (database: string): string => {
  const url = new URL(testDatabaseServer());
  url.pathname = `/${database}`;
  return url.href;
};

const onServer = async <T>(act: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: testDatabaseServer() });
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
};

const ensureTemplate = async (client: pg.Client, template: string): Promise<void> => {
  // Several jest workers may come here at once; the first migrates, the others wait for it.
  await client.query(`SELECT pg_advisory_lock(hashtext($1))`, [template]);
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (found.rows.length > 0) return;
    const draft = `${template}_draft`;
    await client.query(`CREATE DATABASE ${draft}`);
    await migrateDatabase(urlOf(draft));
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
  } finally {
    await client.query(`SELECT pg_advisory_unlock(hashtext($1))`, [template]);
  }
};

/** A migrated database of one's own, cloned from a template that is migrated once per run. */
export const createTestDatabase = (): Promise<TestDatabase> =>
  onServer(async (client) => {
    const prefix = testDatabasePrefix();
    const template = `${prefix}template`;
    await ensureTemplate(client, template);
    const name = `${prefix}${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    return {
      url: urlOf(name),
      drop: () =>
        onServer((server) => server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)).then(() => undefined),
    };
  });

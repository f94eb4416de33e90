import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { ensureEventPartitions } from './event-partitions.ts';

const journal = 'mailfleet_migrations';

/**
 * Applies what the folder holds and the database lacks, under a lock so that processes starting together do not race,
 * and makes the first partitions. Throws what Postgres throws.
 */
export const applyMigrations = async (databaseUrl: string, folder: string): Promise<{ applied: number }> => {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  await client.connect();
  const countApplied = async (): Promise<number> => {
    const exists = await client.query<{ found: boolean }>(`select to_regclass($1) is not null as found`, [journal]);
    if (exists.rows[0]?.found !== true) return 0;
    const counted = await client.query<{ n: string }>(`select count(*) as n from ${journal}`);
    return Number(counted.rows[0]?.n ?? 0);
  };
  try {
    await client.query(`select pg_advisory_lock(hashtext('mailfleet migrations'))`);
    const before = await countApplied();
    await migrate(drizzle(client), { migrationsFolder: folder, migrationsSchema: 'public', migrationsTable: journal });
    await ensureEventPartitions(client, 7);
    return { applied: (await countApplied()) - before };
  } finally {
    await client.end();
  }
};

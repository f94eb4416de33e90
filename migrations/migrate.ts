import { join } from 'node:path';
import { packageRoot } from '../shared/config/package-root.ts';
import { applyMigrations } from '../shared/db/apply-migrations.ts';

/** Brings a database to the newest schema, one process at a time. Answers how many migrations it applied. */
export const migrateDatabase = (databaseUrl: string): Promise<{ applied: number }> =>
  applyMigrations(databaseUrl, join(packageRoot, 'migrations', 'sql'));

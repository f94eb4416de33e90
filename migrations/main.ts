import { postgresEnv, readEnv } from '../shared/config/env.ts';
import { migrateDatabase } from './migrate.ts';

const { applied } = await migrateDatabase(readEnv(postgresEnv).DATABASE_URL);
console.log(applied === 0 ? 'The database is up to date.' : `Applied ${applied} migration(s).`);

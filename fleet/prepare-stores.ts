import { migrateDatabase } from '../migrations/migrate.ts';
import { kafkaEnv, parseEnv, postgresEnv } from '../shared/config/env.ts';
import { createLog } from '../shared/runtime/log.ts';
import { ensureTopics } from '../shared/runtime/topics.ts';
import type { Environment } from './settings.ts';

/** Brings tables and topics to what this version needs; a sentence tells what was done. Safe to repeat. */
export const prepareStores = async (environment: Environment): Promise<string> => {
  const env = parseEnv({ ...kafkaEnv, ...postgresEnv }, environment);
  // kafkajs calls a broker that is still electing leaders an error; it tries again, and nobody need read of it.
  const silent = createLog({ name: 'prepare', level: 'silent' });
  const [{ applied }, { created }] = await Promise.all([migrateDatabase(env.DATABASE_URL), ensureTopics(env, silent)]);
  const tables = applied === 0 ? 'tables are up to date' : `tables: ${applied} migrations applied`;
  return `${tables}, ${created.length === 0 ? 'topics are there' : `${created.length} topics made`}`;
};

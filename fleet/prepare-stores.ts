import { migrateDatabase } from '../migrations/migrate.ts';
import { kafkaEnv, parseEnv, postgresEnv } from '../shared/config/env.ts';
import { ConfigError } from '../shared/errors.ts';
import { createLog } from '../shared/runtime/log.ts';
import { ensureTopics } from '../shared/runtime/topics.ts';
import type { Environment } from './settings.ts';

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  // drizzle's own message is the statement; what Postgres said of it is the cause.
  return error.cause instanceof Error ? error.cause.message : error.message;
};

/** Brings tables and topics to what this version needs; a sentence tells what was done. Safe to repeat. Throws `ConfigError`. */
export const prepareStores = async (environment: Environment): Promise<string> => {
  const env = parseEnv({ ...kafkaEnv, ...postgresEnv }, environment);
  // kafkajs calls a broker that is still electing leaders an error; it tries again, and nobody need read of it.
  const silent = createLog({ name: 'prepare', level: 'silent' });
  const [{ applied }, { created }] = await Promise.all([
    migrateDatabase(env.DATABASE_URL).catch((error: unknown) => {
      throw new ConfigError(`The tables could not be brought to this version: ${reasonOf(error)}`);
    }),
    ensureTopics(env, silent).catch((error: unknown) => {
      throw new ConfigError(`The topics could not be made: ${reasonOf(error)}`);
    }),
  ]);
  const tables = applied === 0 ? 'tables are up to date' : `tables: ${applied} migrations applied`;
  return `${tables}, ${created.length === 0 ? 'topics are there' : `${created.length} topics made`}`;
};

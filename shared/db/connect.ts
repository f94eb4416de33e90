import { isNativeError } from 'node:util/types';
import pg from 'pg';
import { FleetError, InfrastructureError } from '../errors.ts';

/** A pool, or a client inside a transaction: what every statement of this folder takes first. */
export interface Database {
  query<Row extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
}

export interface Pool extends Database {
  /**
   * Runs `work` in one transaction (READ COMMITTED). Commits when it resolves, rolls back when it throws. A fault of the
   * server or the connection comes out as `InfrastructureError`; any other error as it is.
   */
  transaction<T>(work: (db: Database) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

// Classes of SQLSTATE that say "not now" rather than "never": connection (08), rollback to be repeated (40), resources
// (53), lock not available (55P03), operator intervention and shutdown (57), system error (58), read-only standby (25006).
const passing = /^(08|40|53|57|58)|^(55P03|25006)$/;
const passingSystemCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);
// pg reports these without a code.
const passingMessages = /timeout|terminated|Connection ended|not queryable|connection error|Client has encountered/i;

const asFleetError = (error: unknown): unknown => {
  if (error instanceof FleetError || !isNativeError(error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const isPassing =
    passing.test(code) || passingSystemCodes.has(code) || (code === '' && passingMessages.test(error.message));
  return isPassing ? new InfrastructureError('postgres-away', 'Postgres cannot be used right now.', error) : error;
};

const ignoreUntilNextStatement = (): void => undefined;

/**
 * A pool of at most `size` connections with every timeout set; `statementMs` is the longest that one statement may take. A client that
 * timed out is thrown away, not reused.
 */
export const connectPostgres = (
  databaseUrl: string,
  size: number,
  onIdleFault: (error: Error) => void,
  { statementMs }: { readonly statementMs: number } = { statementMs: 10_000 },
): Pool => {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: size,
    connectionTimeoutMillis: 5_000,
    statement_timeout: statementMs,
    query_timeout: statementMs + 5_000,
    idle_in_transaction_session_timeout: 15_000,
    keepAlive: true,
    application_name: 'mailfleet',
  });
  pool.on('error', onIdleFault);

  const withClient = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw asFleetError(error);
    }
    // A connection that breaks between two statements says so by an event, which nobody hearing it would end the process;
    // the next statement fails on it, and that is where it is handled.
    client.on('error', ignoreUntilNextStatement);
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      const translated = asFleetError(error);
      // After a lost connection or a time-out the client may still be in the middle of something.
      client.release(translated instanceof InfrastructureError);
      throw translated;
    } finally {
      client.off('error', ignoreUntilNextStatement);
    }
  };

  return {
    query: <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
      withClient((client) => client.query<Row>(text, [...values])),
    transaction: (work) =>
      withClient(async (client) => {
        await client.query('begin');
        try {
          const result = await work({
            query: <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
              client.query<Row>(text, [...values]),
          });
          await client.query('commit');
          return result;
        } catch (error) {
          if (!(asFleetError(error) instanceof InfrastructureError)) await client.query('rollback');
          throw error;
        }
      }),
    end: () => pool.end(),
  };
};

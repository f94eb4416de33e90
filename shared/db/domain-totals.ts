import type { Database } from './connect.ts';

export interface DomainTotals {
  readonly catchAll: number;
  readonly notCatchAll: number;
  readonly unknown: number;
  /** Postgres's time of this statement. */
  readonly at: Date;
}

/**
 * How many domains have which verdict, exact at the moment of asking: every counting transaction adds to a row of these
 * totals, so the answer is a sum over a row a partition, whatever the number of domains.
 */
export const loadTotals = async (db: Database): Promise<DomainTotals> => {
  const { rows } = await db.query<{ catch_all: string; not_catch_all: string; unknown: string; at: Date }>(
    `select coalesce(sum(catch_all), 0) as catch_all, coalesce(sum(not_catch_all), 0) as not_catch_all,
            coalesce(sum(unknown), 0) as unknown, statement_timestamp() as at from domain_totals`,
  );
  const [row] = rows;
  return {
    catchAll: Number(row?.catch_all),
    notCatchAll: Number(row?.not_catch_all),
    unknown: Number(row?.unknown),
    at: row?.at ?? new Date(NaN),
  };
};

/** The threshold by which the stored verdicts were judged; undefined before any process that counts has started. */
export const loadThreshold = async (db: Database): Promise<number | undefined> => {
  const { rows } = await db.query<{ delivered_threshold: string }>(
    `select delivered_threshold from domain_rule where name = 'fleet'`,
  );
  return rows[0] && Number(rows[0].delivered_threshold);
};

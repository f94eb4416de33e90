import type { Database } from './connect.ts';

export interface DomainIncrement {
  readonly domain: string;
  readonly delivered: number;
  readonly bounced: number;
  readonly firstBounceAt: Date | undefined;
}

/** Adds to the counters of many domains in one statement, in the order of their names, so that writers never deadlock. */
export const addToDomains = async (db: Database, increments: readonly DomainIncrement[]): Promise<void> => {
  if (increments.length === 0) return;
  const rows = [...increments].sort((a, b) => (a.domain < b.domain ? -1 : 1));
  await db.query(
    `insert into domain_counters as c (domain, delivered, bounced, first_bounce_at)
     select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[])
     on conflict (domain) do update set
       delivered = c.delivered + excluded.delivered,
       bounced = c.bounced + excluded.bounced,
       first_bounce_at = least(c.first_bounce_at, excluded.first_bounce_at),
       updated_at = now()`,
    [
      rows.map((row) => row.domain),
      rows.map((row) => row.delivered),
      rows.map((row) => row.bounced),
      rows.map((row) => row.firstBounceAt ?? null),
    ],
  );
};

export interface DomainCounters {
  readonly domain: string;
  readonly delivered: number;
  readonly bounced: number;
  readonly firstBounceAt: Date | null;
  readonly updatedAt: Date;
}

/** The counters of one domain (in normal form), if it was ever counted. */
export const loadDomain = async (db: Database, domain: string): Promise<DomainCounters | undefined> => {
  const { rows } = await db.query<{
    domain: string;
    delivered: string;
    bounced: string;
    first_bounce_at: Date | null;
    updated_at: Date;
  }>(`select domain, delivered, bounced, first_bounce_at, updated_at from domain_counters where domain = $1`, [domain]);
  const [row] = rows;
  return row === undefined
    ? undefined
    : {
        domain: row.domain,
        delivered: Number(row.delivered),
        bounced: Number(row.bounced),
        firstBounceAt: row.first_bounce_at,
        updatedAt: row.updated_at,
      };
};

/** Which of the domains take mail for any address, going by more deliveries than the threshold and no bounce. */
export const catchAllDomains = async (
  db: Database,
  domains: readonly string[],
  deliveredThreshold: number,
): Promise<ReadonlySet<string>> => {
  if (domains.length === 0) return new Set();
  const { rows } = await db.query<{ domain: string }>(
    'select domain from domain_counters where domain = any($1::text[]) and bounced = 0 and delivered > $2',
    [[...new Set(domains)], deliveredThreshold],
  );
  return new Set(rows.map((row) => row.domain));
};

import type { DomainVerdict } from '../contracts/verdict.ts';
import type { Database } from './connect.ts';
import { judgedSql, lockJudging } from './judged.ts';

export interface DomainIncrement {
  readonly domain: string;
  readonly delivered: number;
  readonly bounced: number;
  readonly firstBounceAt: Date | undefined;
}

/** A verdict that has become another one. */
export interface VerdictChange {
  readonly domain: string;
  readonly from: DomainVerdict;
  readonly to: DomainVerdict;
  readonly at: Date;
  /** The domain's how manieth; from 1. */
  readonly change: number;
}

export interface CountingPlace {
  /** Which row of the totals is added to: writers at the same time should name different ones. */
  readonly shard: number;
  /** What holds while the fleet has no stored threshold yet. */
  readonly deliveredThreshold: number;
}

const storedThreshold = (own: string): string =>
  `coalesce((select delivered_threshold from domain_rule where name = 'fleet'), ${own})`;
const judgedAnew = judgedSql('c.delivered + excluded.delivered', 'c.bounced + excluded.bounced', storedThreshold('$5'));
const judgedFirst = judgedSql('n.delivered', 'n.bounced', storedThreshold('$5'));
const moved = (verdict: DomainVerdict): string =>
  `count(*) filter (where verdict = '${verdict}') - count(*) filter (where verdict_before = '${verdict}')`;

/**
 * Adds to the counters of many domains in one statement, in the order of their names, so that writers never deadlock. The
 * same statement judges them by the fleet's stored threshold and adds to the totals by verdict. Answers what changed. To be
 * called in a transaction.
 */
export const addToDomains = async (
  db: Database,
  increments: readonly DomainIncrement[],
  { shard, deliveredThreshold }: CountingPlace,
): Promise<readonly VerdictChange[]> => {
  if (increments.length === 0) return [];
  await lockJudging(db, 'beside others');
  const sorted = [...increments].sort((a, b) => (a.domain < b.domain ? -1 : 1));
  const { rows } = await db.query<{
    domain: string;
    verdict_before: DomainVerdict | null;
    verdict: DomainVerdict;
    verdict_changes: number;
    at: Date;
  }>(
    `with counted as (
       insert into domain_counters as c (domain, delivered, bounced, first_bounce_at, verdict, verdict_changes)
       select n.*, ${judgedFirst}, (${judgedFirst} <> 'unknown')::int
       from unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[]) as n(domain, delivered, bounced, first_bounce_at)
       on conflict (domain) do update set
         delivered = c.delivered + excluded.delivered,
         bounced = c.bounced + excluded.bounced,
         first_bounce_at = least(c.first_bounce_at, excluded.first_bounce_at),
         verdict_before = c.verdict,
         verdict = ${judgedAnew},
         verdict_changes = c.verdict_changes + (c.verdict <> ${judgedAnew})::int,
         updated_at = now()
       returning domain, verdict_before, verdict, verdict_changes
     ), totals as (
       insert into domain_totals as t (shard, catch_all, not_catch_all, unknown)
       select $6, d.* from (select ${moved('catch-all')} as a, ${moved('not-catch-all')} as n, ${moved('unknown')} as u from counted) d
       where d.a <> 0 or d.n <> 0 or d.u <> 0
       on conflict (shard) do update set catch_all = t.catch_all + excluded.catch_all,
         not_catch_all = t.not_catch_all + excluded.not_catch_all, unknown = t.unknown + excluded.unknown
     )
     select *, clock_timestamp() as at from counted where verdict <> coalesce(verdict_before, 'unknown')`,
    [
      sorted.map((row) => row.domain),
      sorted.map((row) => row.delivered),
      sorted.map((row) => row.bounced),
      sorted.map((row) => row.firstBounceAt ?? null),
      deliveredThreshold,
      shard,
    ],
  );
  return rows.map(({ domain, verdict_before: from, verdict: to, verdict_changes: change, at }) => ({
    ...{ domain, from: from ?? 'unknown', to, change, at },
  }));
};

export interface DomainCounters {
  readonly domain: string;
  readonly status: DomainVerdict;
  readonly delivered: number;
  readonly bounced: number;
  readonly firstBounceAt: Date | null;
  readonly updatedAt: Date;
}

interface CountersRow {
  domain: string;
  verdict: DomainVerdict;
  delivered: string;
  bounced: string;
  first_bounce_at: Date | null;
  updated_at: Date;
}
const columns = 'domain, verdict, delivered, bounced, first_bounce_at, updated_at';
const asCounters = (row: CountersRow): DomainCounters => ({
  domain: row.domain,
  status: row.verdict,
  delivered: Number(row.delivered),
  bounced: Number(row.bounced),
  firstBounceAt: row.first_bounce_at,
  updatedAt: row.updated_at,
});

/** The counters and the verdict of one domain (in normal form), if it was ever counted. */
export const loadDomain = async (db: Database, domain: string): Promise<DomainCounters | undefined> => {
  const { rows } = await db.query<CountersRow>(`select ${columns} from domain_counters where domain = $1`, [domain]);
  return rows[0] && asCounters(rows[0]);
};

/** The verdict of one domain (in normal form); one that was never counted is `unknown`. */
export const loadVerdict = async (db: Database, domain: string): Promise<DomainVerdict> => {
  const { rows } = await db.query<{ verdict: DomainVerdict }>('select verdict from domain_counters where domain = $1', [
    domain,
  ]);
  return rows[0]?.verdict ?? 'unknown';
};

/** Which of the domains take mail for any address. */
export const catchAllDomains = async (db: Database, domains: readonly string[]): Promise<ReadonlySet<string>> => {
  if (domains.length === 0) return new Set();
  const { rows } = await db.query<{ domain: string }>(
    `select domain from domain_counters where domain = any($1::text[]) and verdict = 'catch-all'`,
    [[...new Set(domains)]],
  );
  return new Set(rows.map((row) => row.domain));
};

/** Which domains are asked for, and where the page begins. */
export interface DomainQuery {
  readonly statuses: readonly DomainVerdict[];
  /** Beginning of the name, or its end. */
  readonly search: { readonly part: string; readonly of: 'beginning' | 'end' } | undefined;
  /** The last name of the page before. */
  readonly after: string | undefined;
  readonly limit: number;
}

// Above all characters of a normal name: what begins with `a` lies between `a` and `a~`.
const above = '~';

/**
 * A page of domains by name, or by the name read backwards where its end is searched. Each verdict is a walk along an index
 * that ends at the limit, so that a page costs the same among ten domains and ten million.
 */
export const listDomains = async (db: Database, query: DomainQuery): Promise<readonly DomainCounters[]> => {
  const backwards = query.search?.of === 'end';
  const order = `${backwards ? 'reverse(c.domain)' : 'c.domain'} collate "C"`;
  const turned = (text: string): string => (backwards ? Array.from(text).reverse().join('') : text);
  const part = turned(query.search?.part ?? '');
  const { rows } = await db.query<CountersRow>(
    `select ${columns} from (
       select c.* from unnest($1::text[]) as v cross join lateral (
         select c.* from domain_counters c
         where c.verdict = v and ${order} >= $2 and ${order} < $3 and ${order} > $4
         order by ${order} limit $5
       ) c
     ) c order by ${order} limit $5`,
    [[...new Set(query.statuses)], part, `${part}${above}`, turned(query.after ?? ''), query.limit],
  );
  return rows.map(asCounters);
};

// What all statements that judge domains share. The rule is `domain/judge-domain.ts`; here it stands once more, since the
// verdict must change in the statement that changes the counters.
import type { Database } from './connect.ts';

/** The verdict as SQL. The arguments are SQL expressions of ours, never values from outside. */
export const judgedSql = (delivered: string, bounced: string, threshold: string): string =>
  `case when ${bounced} > 0 then 'not-catch-all' when ${delivered} > ${threshold} then 'catch-all' else 'unknown' end`;

// Any two numbers that nobody else in this database locks.
const lockSpace = 7_316;
const lockName = 1;

/**
 * Held by every transaction that counts, beside its like, and by the one that judges all domains anew, alone: so no counter
 * is judged by a threshold that has just gone. Nothing is written for it, as a lock on a row would be.
 */
export const lockJudging = async (db: Database, how: 'beside others' | 'alone'): Promise<void> => {
  const lock = how === 'alone' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  await db.query(`select ${lock}($1, $2)`, [lockSpace, lockName]);
};

/** Told with names of domains whose verdict has changed, a line each; empty: any of them may have. */
export const verdictsChannel = 'domain_verdicts';

// Postgres takes less than 8,000 bytes; and many notices cost more than caches that begin anew.
const noticeBytes = 7_000;
const mostNotices = 20;

/** Tells caches of verdicts which domains to forget, when the transaction commits. */
export const notifyVerdicts = async (db: Database, domains: readonly string[]): Promise<void> => {
  if (domains.length === 0) return;
  const notices: string[] = [];
  for (const domain of domains) {
    const last = notices.at(-1);
    if (last !== undefined && last.length + domain.length < noticeBytes)
      notices[notices.length - 1] = `${last}\n${domain}`;
    else if (notices.length === mostNotices) {
      notices.splice(0, notices.length, '');
      break;
    } else notices.push(domain);
  }
  await db.query('select pg_notify($1, n) from unnest($2::text[]) as n', [verdictsChannel, notices]);
};

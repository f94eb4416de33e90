import { addEvidence, noEvidence, subtractEvidence, type EspEvidence, type Evidence } from '../domain/evidence.ts';
import { settledAfterMs, type OutcomeDelays } from '../domain/outcome-delay.ts';
import type { Database } from './connect.ts';

/** What is added to the counts of one account, ESP, mailbox provider, batch and time of sending. */
export interface StatisticsRow {
  readonly accountId: string;
  readonly esp: string;
  readonly mailboxProvider: string;
  readonly batchId: string;
  /** When the messages were sent: kept by the minute, and for a quarter of an hour by the tenth of a second. */
  readonly minute: Date;
  readonly sent: number;
  readonly delivered: number;
  readonly opened: number;
  readonly clicked: number;
  readonly bounced: number;
  readonly complained: number;
  readonly failed: number;
  /** Those of the delivered whose domain is a catch-all. */
  readonly catchAll: number;
}

const outcomes = ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'failed', 'catchAll'] as const;
export type CountedOutcome = (typeof outcomes)[number];
type Key = Pick<StatisticsRow, 'accountId' | 'esp' | 'mailboxProvider' | 'batchId' | 'minute'>;

const noCounts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<CountedOutcome, number>;

/** Sums rows up by a coarser key, in one order for all writers, or two of them could wait for each other. */
const sumBy = (rows: Iterable<StatisticsRow>, coarser: (row: StatisticsRow) => Key): StatisticsRow[] => {
  const folded = new Map<string, Record<CountedOutcome, number> & Key>();
  for (const row of rows) {
    const { accountId, esp, mailboxProvider, batchId, minute } = coarser(row);
    const name = [accountId, minute.getTime(), esp, mailboxProvider, batchId].join('\n');
    const known = folded.get(name) ?? { ...noCounts, accountId, esp, mailboxProvider, batchId, minute };
    for (const outcome of outcomes) known[outcome] += row[outcome];
    folded.set(name, known);
  }
  return [...folded].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
};

/** Messages that were sent within this time of each other settle together. */
const cohortMs = 100;

const truncated = (time: Date, toMs: number): Date => new Date(Math.floor(time.getTime() / toMs) * toMs);

/** Collects single outcomes into one row a key and tenth of a second, so that a batch of any size becomes a handful of rows. */
export const statisticsFold = (): {
  add(key: Key, outcome: CountedOutcome, by?: number): void;
  rows(): StatisticsRow[];
} => {
  const folded = new Map<string, Record<CountedOutcome, number> & Key>();
  return {
    add: (key, outcome, by = 1) => {
      const minute = truncated(key.minute, cohortMs);
      const { accountId, esp, mailboxProvider, batchId } = key;
      const name = [accountId, minute.getTime(), esp, mailboxProvider, batchId].join('\n');
      // Named one by one: a caller's key may be a whole row, whose counts are not to be taken over with it.
      const row = folded.get(name) ?? { ...noCounts, accountId, esp, mailboxProvider, batchId, minute };
      row[outcome] += by;
      folded.set(name, row);
    },
    rows: () => sumBy(folded.values(), (row) => row),
  };
};

const columns = outcomes.map((outcome) => (outcome === 'catchAll' ? 'catch_all' : outcome));
const countsOf = (rows: readonly StatisticsRow[]) => outcomes.map((outcome) => rows.map((row) => row[outcome]));
const columnArrays = (first: number): string => outcomes.map((_, index) => `$${index + first}::bigint[]`).join(', ');
const added = columns.map((column) => `${column} = t.${column} + excluded.${column}`).join(', ');

// Delays that are longer than this are measured by the minute.
const cohortsKeptMs = 15 * 60_000;

/**
 * Adds rows to the statistics by minute, to those of the last quarter of an hour by tenths of a second, and to the running totals.
 * Three statements, whatever the number of rows.
 */
export const addStatistics = async (db: Database, rows: readonly StatisticsRow[]): Promise<void> => {
  if (rows.length === 0) return;
  const minutes = sumBy(rows, (row) => ({ ...row, minute: truncated(row.minute, 60_000) }));
  await db.query(
    `insert into esp_statistics as t (account_id, esp, mailbox_provider, batch_id, minute, ${columns.join(', ')})
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], ${columnArrays(6)})
     on conflict (account_id, minute, esp, mailbox_provider, batch_id) do update set ${added}`,
    [
      minutes.map((row) => row.accountId),
      minutes.map((row) => row.esp),
      minutes.map((row) => row.mailboxProvider),
      minutes.map((row) => row.batchId),
      minutes.map((row) => row.minute),
      ...countsOf(minutes),
    ],
  );
  const cohorts = sumBy(rows, (row) => ({ ...row, batchId: '', minute: truncated(row.minute, cohortMs) }));
  if (cohorts.length > 0) {
    await db.query(
      `insert into esp_cohorts as t (account_id, esp, mailbox_provider, sent_at, ${columns.join(', ')})
       select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], ${columnArrays(5)})
         as c(account_id, esp, mailbox_provider, sent_at, ${columns.join(', ')})
       where sent_at > now() - interval '${cohortsKeptMs / 1_000} s'
       on conflict (account_id, sent_at, esp, mailbox_provider) do update set ${added}`,
      [
        cohorts.map((row) => row.accountId),
        cohorts.map((row) => row.esp),
        cohorts.map((row) => row.mailboxProvider),
        cohorts.map((row) => row.minute),
        ...countsOf(cohorts),
      ],
    );
  }
  const sums = sumBy(rows, (row) => ({ ...row, batchId: '', minute: new Date(0) }));
  await db.query(
    `insert into esp_totals as t (account_id, esp, mailbox_provider, ${columns.join(', ')})
     select * from unnest($1::text[], $2::text[], $3::text[], ${columnArrays(4)})
     on conflict (account_id, esp, mailbox_provider) do update set ${added}`,
    [
      sums.map((row) => row.accountId),
      sums.map((row) => row.esp),
      sums.map((row) => row.mailboxProvider),
      ...countsOf(sums),
    ],
  );
};

/** Forgets the counts of cohorts that nobody asks for any more. */
export const purgeCohorts = async (db: Database): Promise<void> => {
  await db.query(`delete from esp_cohorts where sent_at < now() - interval '20 minutes'`);
};

/** All that is known of an account's mail, by ESP and mailbox provider. */
export interface AccountEvidence {
  /** Of the last 30 days (or as many as were asked for), what was sent more than a day ago. */
  readonly past: Evidence;
  /** What was sent since, by the hour, oldest first; hours without mail are left out. */
  readonly hours: readonly Evidence[];
  /** Everything ever: the difference of two of these is what became known in between. */
  readonly totals: Evidence;
}

interface SumRow {
  esp: string;
  mailbox_provider: string;
  /** `row`: by time; `cohort`: the young of a row, to be taken off; `total`: everything ever. */
  kind: 'row' | 'cohort' | 'total';
  /** 0 the current hour, 1 the one before …; 24 for all that is older than a day, 25 for what is too old. */
  hours_ago: number;
  /** True for mail that is not settled, or from before its ESP was first heard of. */
  is_open: boolean;
  sent: string;
  delivered: string;
  opened: string;
  clicked: string;
  bounced: string;
  complained: string;
  catch_all: string;
}

const sums = columns.map((column) => `sum(s.${column}) as ${column}`).join(', ');
// By the minute where outcomes take longer than cohorts are kept; else the cohorts tell which part of a row is young.
const isOpen = `h.esp is null or s.minute < h.since
  or (h.settle_s >= ${cohortsKeptMs / 1_000 - 60} and s.minute > now() - (h.settle_s + 60) * interval '1 s')`;
const evidenceQuery = `with h as (select * from unnest($2::text[], $3::timestamptz[], $4::float8[]) as h(esp, since, settle_s))
  select s.esp, s.mailbox_provider, 'row' as kind,
         case when s.minute <= now() - $5::int * interval '1 day' then 25
              when s.minute < now() - interval '1 day' then 24
              else least(23, greatest(0, floor(extract(epoch from now() - s.minute) / 3600)))::int end as hours_ago,
         (${isOpen}) as is_open, ${sums}
  from esp_statistics s left join h on h.esp = s.esp
  where s.account_id = $1 and (s.minute > now() - $5::int * interval '1 day' or s.minute < h.since)
  group by 1, 2, 4, 5
  union all
  select s.esp, s.mailbox_provider, 'cohort', 0, true, ${sums}
  from esp_cohorts s join h on h.esp = s.esp
  where s.account_id = $1 and s.sent_at >= h.since and h.settle_s < ${cohortsKeptMs / 1_000 - 60}
    and s.sent_at > now() - (h.settle_s + ${cohortMs / 1_000}) * interval '1 s'
  group by 1, 2
  union all
  select s.esp, s.mailbox_provider, 'total', 0, false, ${columns.map((column) => `s.${column}`).join(', ')}
  from esp_totals s where s.account_id = $1`;

const evidenceOf = (row: SumRow): EspEvidence => ({
  sent: Number(row.sent),
  settled: Number(row.sent),
  delivered: Number(row.delivered),
  opened: Number(row.opened),
  clicked: Number(row.clicked),
  bounced: Number(row.bounced),
  complained: Number(row.complained),
  catchAll: Number(row.catch_all),
});
const less = (evidence: EspEvidence): EspEvidence => subtractEvidence({ ...noEvidence, sent: evidence.sent }, evidence);

type Cells = Record<string, Record<string, EspEvidence>>;
const addTo = (cells: Cells, row: SumRow, evidence: EspEvidence): void => {
  const byProvider = (cells[row.esp] ??= {});
  byProvider[row.mailbox_provider] = addEvidence(byProvider[row.mailbox_provider] ?? noEvidence, evidence);
};

/**
 * Reads an account's evidence in one statement, so that all of it is of one moment. `sent` counts all mail; all other
 * numbers count settled mail alone (`outcome-delay.ts`), each message with everything that was told of it so far: so
 * that what became known between two moments is what became of whole cohorts, never their outcomes without their silence.
 */
export const loadEvidence = async (
  db: Database,
  accountId: string,
  delays: OutcomeDelays,
  days = 30,
): Promise<AccountEvidence> => {
  const heard = Object.entries(delays);
  const { rows } = await db.query<SumRow>(evidenceQuery, [
    accountId,
    heard.map(([esp]) => esp),
    // Rows begin with their minute.
    heard.map(([, { sinceMs }]) => truncated(new Date(sinceMs), 60_000)),
    heard.map(([esp]) => (settledAfterMs(delays, esp) ?? 0) / 1_000),
    days,
  ]);
  const slices = new Map<number, Cells>();
  const totals: Cells = {};
  for (const row of rows) {
    const evidence = evidenceOf(row);
    // What is open counts as sent and as nothing else; a cohort is a part of its row that was counted with it.
    const counted =
      row.kind === 'cohort' ? less(evidence) : row.is_open ? { ...noEvidence, sent: evidence.sent } : evidence;
    const isHeard = delays[row.esp] !== undefined;
    if (row.kind === 'cohort') addTo(totals, row, { ...counted, sent: 0 });
    else if (row.kind === 'total') addTo(totals, row, isHeard ? evidence : { ...noEvidence, sent: evidence.sent });
    else if (row.is_open && isHeard) addTo(totals, row, { ...less(evidence), sent: 0 });
    if (row.kind === 'total' || row.hours_ago > 24) continue;
    const cells = slices.get(row.hours_ago) ?? {};
    slices.set(row.hours_ago, cells);
    addTo(cells, row, row.kind === 'cohort' ? { ...counted, sent: 0 } : counted);
  }
  const hours = [...slices].filter(([hoursAgo]) => hoursAgo < 24).sort(([a], [b]) => b - a);
  return { past: slices.get(24) ?? {}, hours: hours.map(([, cells]) => cells), totals };
};

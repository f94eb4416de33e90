import type { EspEvidence } from '../domain/weigh-esps.ts';
import type { Database } from './connect.ts';
import type { EvidenceByEsp } from './weight-decisions.ts';

/** What is added to the row of one account, ESP, mailbox provider, batch and minute of sending. */
export interface StatisticsRow {
  readonly accountId: string;
  readonly esp: string;
  readonly mailboxProvider: string;
  readonly batchId: string;
  /** The minute in which the messages were sent (any time within it). */
  readonly minute: Date;
  readonly sent: number;
  readonly delivered: number;
  readonly opened: number;
  readonly clicked: number;
  readonly bounced: number;
  readonly complained: number;
  readonly failed: number;
}

const outcomes = ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'failed'] as const;
export type CountedOutcome = (typeof outcomes)[number];

const noCounts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<CountedOutcome, number>;

/** Collects single outcomes into one row a key, so that a batch of any size becomes a handful of rows. */
export const statisticsFold = (): {
  add(
    key: Pick<StatisticsRow, 'accountId' | 'esp' | 'mailboxProvider' | 'batchId' | 'minute'>,
    outcome: CountedOutcome,
    by?: number,
  ): void;
  rows(): StatisticsRow[];
} => {
  const folded = new Map<
    string,
    Record<CountedOutcome, number> & Pick<StatisticsRow, 'accountId' | 'esp' | 'mailboxProvider' | 'batchId' | 'minute'>
  >();
  return {
    add: (key, outcome, by = 1) => {
      const minute = new Date(Math.floor(key.minute.getTime() / 60_000) * 60_000);
      const { accountId, esp, mailboxProvider, batchId } = key;
      const name = [accountId, minute.getTime(), esp, mailboxProvider, batchId].join('\n');
      // Named one by one: a caller's key may be a whole row, whose counts are not to be taken over with it.
      const row = folded.get(name) ?? { ...noCounts, accountId, esp, mailboxProvider, batchId, minute };
      row[outcome] += by;
      folded.set(name, row);
    },
    // One order for all writers, or two of them could wait for each other.
    rows: () => [...folded].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row),
  };
};

const added = outcomes.map((outcome) => `${outcome} = t.${outcome} + excluded.${outcome}`).join(', ');
const columnArrays = outcomes.map((_, index) => `$${index + 6}::bigint[]`).join(', ');

/** Adds rows to the statistics by minute and to the running totals. Two statements, whatever the number of rows. */
export const addStatistics = async (db: Database, rows: readonly StatisticsRow[]): Promise<void> => {
  if (rows.length === 0) return;
  const counts = outcomes.map((outcome) => rows.map((row) => row[outcome]));
  await db.query(
    `insert into esp_statistics as t (account_id, esp, mailbox_provider, batch_id, minute, ${outcomes.join(', ')})
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], ${columnArrays})
     on conflict (account_id, minute, esp, mailbox_provider, batch_id) do update set ${added}`,
    [
      rows.map((row) => row.accountId),
      rows.map((row) => row.esp),
      rows.map((row) => row.mailboxProvider),
      rows.map((row) => row.batchId),
      rows.map((row) => row.minute),
      ...counts,
    ],
  );
  const totals = statisticsFold();
  for (const row of rows) {
    for (const outcome of outcomes) {
      if (row[outcome] !== 0) totals.add({ ...row, batchId: '', minute: new Date(0) }, outcome, row[outcome]);
    }
  }
  const sums = totals.rows();
  await db.query(
    `insert into esp_totals as t (account_id, esp, mailbox_provider, ${outcomes.join(', ')})
     select * from unnest($1::text[], $2::text[], $3::text[], ${outcomes.map((_, index) => `$${index + 4}::bigint[]`).join(', ')})
     on conflict (account_id, esp, mailbox_provider) do update set ${added}`,
    [
      sums.map((row) => row.accountId),
      sums.map((row) => row.esp),
      sums.map((row) => row.mailboxProvider),
      ...outcomes.map((outcome) => sums.map((row) => row[outcome])),
    ],
  );
};

interface SumRow {
  esp: string;
  sent: string;
  settled: string;
  delivered: string;
  opened: string;
  clicked: string;
  bounced: string;
  complained: string;
}

const sums =
  'sum(sent) as sent, sum(delivered) as delivered, sum(opened) as opened, sum(clicked) as clicked, sum(bounced) as bounced, sum(complained) as complained';
const withOutcome = 'least(sent, delivered + bounced + failed)';

const byEsp = (rows: readonly SumRow[]): EvidenceByEsp =>
  Object.fromEntries(
    rows.map((row): [string, EspEvidence] => [
      row.esp,
      {
        sent: Number(row.sent),
        settled: Number(row.settled),
        delivered: Number(row.delivered),
        opened: Number(row.opened),
        clicked: Number(row.clicked),
        bounced: Number(row.bounced),
        complained: Number(row.complained),
      },
    ]),
  );

/**
 * What an account's mail of the last 30 days came to, per ESP; one mailbox provider alone when it is named.
 * Mail of the last hour is settled once it has an outcome; older mail without one is lost, and counts.
 */
export const evidenceOf30Days = async (
  db: Database,
  accountId: string,
  mailboxProvider?: string,
): Promise<EvidenceByEsp> => {
  const { rows } = await db.query<SumRow>(
    `select esp, ${sums}, sum(case when minute < now() - interval '1 hour' then sent else ${withOutcome} end) as settled
     from esp_statistics
     where account_id = $1 and minute > now() - interval '30 days' and ($2::text is null or mailbox_provider = $2) group by esp`,
    [accountId, mailboxProvider ?? null],
  );
  return byEsp(rows);
};

/** An account's running totals per ESP. */
export const runningTotals = async (db: Database, accountId: string): Promise<EvidenceByEsp> => {
  const { rows } = await db.query<SumRow>(
    `select esp, ${sums}, sum(${withOutcome}) as settled from esp_totals where account_id = $1 group by esp`,
    [accountId],
  );
  return byEsp(rows);
};

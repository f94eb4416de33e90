import { complaintDays, fewestDelivered, slowPerThousand, type SenderMail } from '../domain/complaint-guard.ts';
import type { Database } from './connect.ts';

/** Whose mail, to whom, sent when. */
interface SenderKey {
  readonly accountId: string;
  readonly senderDomain: string;
  readonly mailboxProvider: string;
  /** UTC day of sending. */
  readonly day: string;
}
interface SenderCounts {
  delivered: number;
  complained: number;
}
export type SenderRow = SenderKey & Readonly<SenderCounts>;

/** Collects outcomes into one row a sender, provider and day, in one order for all writers. */
export const senderFold = (): {
  add(message: Omit<SenderKey, 'day'> & { readonly sentAt: Date }, outcome: keyof SenderCounts): void;
  rows(): SenderRow[];
} => {
  const folded = new Map<string, SenderKey & SenderCounts>();
  return {
    add: ({ accountId, senderDomain, mailboxProvider, sentAt }, outcome) => {
      const day = sentAt.toISOString().slice(0, 10);
      const name = [day, accountId, senderDomain, mailboxProvider].join('\n');
      const row = folded.get(name) ?? { accountId, senderDomain, mailboxProvider, day, delivered: 0, complained: 0 };
      row[outcome] += 1;
      folded.set(name, row);
    },
    rows: () => [...folded].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row),
  };
};

/** Adds rows that are in the fold's order: writers in different orders could wait for each other. */
export const addSenderStatistics = async (db: Database, rows: readonly SenderRow[]): Promise<void> => {
  if (rows.length === 0) return;
  await db.query(
    `insert into sender_statistics as t (account_id, sender_domain, mailbox_provider, day, delivered, complained)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::bigint[], $6::bigint[])
     on conflict (day, account_id, sender_domain, mailbox_provider) do update
       set delivered = t.delivered + excluded.delivered, complained = t.complained + excluded.complained`,
    [
      rows.map((row) => row.accountId),
      rows.map((row) => row.senderDomain),
      rows.map((row) => row.mailboxProvider),
      rows.map((row) => row.day),
      rows.map((row) => row.delivered),
      rows.map((row) => row.complained),
    ],
  );
};

interface MailRow {
  account_id: string;
  sender_domain: string;
  mailbox_provider: string;
  delivered: string;
  complained: string;
}
const sums = `select account_id, sender_domain, mailbox_provider, sum(delivered) as delivered, sum(complained) as complained
  from sender_statistics where day > (now() at time zone 'UTC')::date - $1::int`;
const fromRow = (row: MailRow): SenderMail & { readonly accountId: string } => ({
  accountId: row.account_id,
  senderDomain: row.sender_domain,
  mailboxProvider: row.mailbox_provider,
  delivered: Number(row.delivered),
  complained: Number(row.complained),
});

/** What became of an account's mail in the window of the complaint guard, by sender and provider, in their order. */
export const loadSenders = async (db: Database, accountId: string, limit: number): Promise<SenderMail[]> => {
  const { rows } = await db.query<MailRow>(
    `${sums} and account_id = $2 group by 1, 2, 3 order by sum(complained)::float8 / greatest(1, sum(delivered)) desc, 2, 3 limit $3`,
    [complaintDays, accountId, limit],
  );
  return rows.map(fromRow);
};

/** The senders of all accounts that the complaint guard may have to slow: few, and often none. */
export const loadComplainedSenders = async (
  db: Database,
): Promise<readonly (SenderMail & { readonly accountId: string })[]> => {
  const { rows } = await db.query<MailRow>(
    `${sums} group by 1, 2, 3 having sum(delivered) >= $2 and sum(complained) * 1000 >= sum(delivered) * $3::int order by 1, 2, 3`,
    [complaintDays, fewestDelivered, slowPerThousand],
  );
  return rows.map(fromRow);
};

/** Forgets days that no window holds any more. */
export const purgeSenderStatistics = async (db: Database): Promise<void> => {
  await db.query(`delete from sender_statistics where day < (now() at time zone 'UTC')::date - 30`);
};

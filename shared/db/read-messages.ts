import { restrictWeights } from '../domain/apportion.ts';
import type { ByCell } from '../domain/policies/policy.ts';
import type { Database } from './connect.ts';
import type { NewDecision } from './weight-decisions.ts';

/** How many messages of a request are stored, by state. */
export const countStates = async (db: Database, requestId: string): Promise<Readonly<Record<string, number>>> => {
  const { rows } = await db.query<{ status: string; n: string }>(
    `select status, count(*) as n from messages where request_id = $1 group by status`,
    [requestId],
  );
  return Object.fromEntries(rows.map((row) => [row.status, Number(row.n)]));
};

/** Messages of a request by the ESP of their latest attempt: what really happened, beside the planned split. */
export const countCarried = async (db: Database, requestId: string): Promise<Readonly<Record<string, number>>> => {
  const { rows } = await db.query<{ esp: string; n: string }>(
    `select esp, count(*) as n from messages where request_id = $1 and attempt > 0 group by esp`,
    [requestId],
  );
  return Object.fromEntries(rows.map((row) => [row.esp, Number(row.n)]));
};

export interface MessageRow {
  readonly id: string;
  readonly request_id: string;
  readonly account_id: string;
  readonly email: string;
  readonly mailbox_provider: string;
  readonly status: string;
  readonly esp: string;
  readonly attempt: number;
  readonly duplicate_suspected: boolean;
  readonly reason: string | null;
  readonly opens: number;
  readonly clicks: number;
  readonly claimed_at: Date | null;
  readonly due_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const columns =
  'id, request_id, account_id, email, mailbox_provider, status, esp, attempt, duplicate_suspected, reason, opens, clicks, claimed_at, due_at, created_at, updated_at';

export interface MessageFilter {
  readonly accountId: string;
  readonly status?: string | undefined;
  readonly email?: string | undefined;
  readonly esp?: string | undefined;
  readonly requestId?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** Only messages older than this one (its UUID). */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Messages, newest first. Answers one more than `limit` when there are more. */
export const listMessages = async (db: Database, filter: MessageFilter): Promise<MessageRow[]> => {
  const conditions: string[] = ['account_id = $1'];
  const values: unknown[] = [filter.accountId];
  const where = (condition: (place: string) => string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  where((place) => `status = ${place}`, filter.status);
  where((place) => `lower(email) = lower(${place})`, filter.email);
  where((place) => `esp = ${place}`, filter.esp);
  where((place) => `request_id = ${place}`, filter.requestId);
  where((place) => `created_at >= ${place}::timestamptz`, filter.since);
  where((place) => `created_at < ${place}::timestamptz`, filter.until);
  where(
    (place) => `(created_at, id) < (select created_at, id from messages where id = ${place}::uuid and account_id = $1)`,
    filter.after,
  );
  values.push(filter.limit + 1);
  const { rows } = await db.query<MessageRow>(
    `select ${columns} from messages where ${conditions.join(' and ')} order by created_at desc, id desc limit $${values.length}`,
    values,
  );
  return rows;
};

export interface AttemptRow {
  readonly number: number;
  readonly esp: string;
  readonly state: string;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  readonly provider_message_id: string | null;
  readonly error: string | null;
}

export interface EventRow {
  readonly type: string;
  readonly at: Date;
  readonly esp: string;
  readonly machine: boolean;
  readonly reason: string | null;
}

export interface MessageDetails {
  readonly message: MessageRow;
  readonly attempts: readonly AttemptRow[];
  readonly events: readonly EventRow[];
  readonly decision: FollowedDecision | undefined;
}

/** The decision that a message's request followed. */
export interface FollowedDecision {
  readonly id: number;
  readonly window: NewDecision['window'];
  readonly decidedAt: Date;
  readonly policy: string;
  readonly reason: string;
  /** Of the whole request. */
  readonly weights: Readonly<Record<string, number>>;
  readonly mailboxProvider: string;
  /** Those of its mailbox provider among the ESPs that the request might use. */
  readonly providerWeights: Readonly<Record<string, number>>;
}

interface FollowedRow {
  weights: Record<string, number> | null;
  esps: string[] | null;
  id: string;
  window: NewDecision['window'];
  decided_at: Date;
  policy: string;
  reason: string;
  all_weights: Record<string, number>;
  provider_weights: ByCell | null;
}

const followed = (row: FollowedRow, mailboxProvider: string): FollowedDecision => ({
  id: Number(row.id),
  window: row.window,
  decidedAt: row.decided_at,
  policy: row.policy,
  reason: row.reason,
  weights: row.weights ?? {},
  mailboxProvider,
  providerWeights: restrictWeights(row.provider_weights?.[mailboxProvider] ?? row.all_weights, row.esps ?? undefined),
});

/** One message of an account with its attempts, events and the decision it followed. */
export const loadMessage = async (db: Database, accountId: string, id: string): Promise<MessageDetails | undefined> => {
  const found = await db.query<MessageRow>(`select ${columns} from messages where id = $1 and account_id = $2`, [
    id,
    accountId,
  ]);
  const [message] = found.rows;
  if (message === undefined) return undefined;
  const [attempts, events, decisions] = await Promise.all([
    db.query<AttemptRow>(
      `select number, esp, state, started_at, finished_at, provider_message_id, error from attempts where message_id = $1 order by number`,
      [id],
    ),
    db.query<EventRow>(
      `select type, at, esp, machine, reason from events where message_id = $1 order by at, stored_at`,
      [id],
    ),
    db.query<FollowedRow>(
      `select r.weights, r.esps, d.id, d."window", d.decided_at, d.policy, d.reason, d.weights as all_weights, d.provider_weights
       from requests r join weight_decisions d on d.id = r.decision_id where r.id = $1`,
      [message.request_id],
    ),
  ]);
  const [row] = decisions.rows;
  const decision = row === undefined ? undefined : followed(row, message.mailbox_provider);
  return { message, attempts: attempts.rows, events: events.rows, decision };
};

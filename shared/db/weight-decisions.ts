import type { EspEvidence, Evidence } from '../domain/evidence.ts';
import type { ByCell, Memory } from '../domain/policies/policy.ts';
import type { Database } from './connect.ts';

export type EvidenceByEsp = Readonly<Record<string, EspEvidence>>;

/** Every number behind a decision. */
export interface DecisionBasis {
  /** What became known in the window, by ESP and mailbox provider. */
  readonly cells: Evidence;
  readonly scores: ByCell;
  /** What each ESP was allowed when it was decided, in words. */
  readonly allowances: Readonly<Record<string, string>>;
  /** What the policy keeps for the next batch. */
  readonly memory?: Memory | undefined;
}

export interface NewDecision {
  readonly accountId: string;
  /** Empty: the standing decision for requests without a batch. */
  readonly batchId: string;
  readonly window: '30d' | 'since-last-batch';
  readonly policy: string;
  /** A sentence for a person. */
  readonly reason: string;
  /** Averaged over the mailbox providers' shares of the account's mail; 1000 in all. */
  readonly weights: Readonly<Record<string, number>>;
  readonly providerWeights: ByCell;
  /** What became known in the window, by ESP. */
  readonly evidence: EvidenceByEsp;
  readonly basis: DecisionBasis;
  /** Running totals at the time of the decision; the next batch's evidence is what came since. */
  readonly totals: Evidence | null;
}

/** What each ESP is owed of requests of one recipient: by mailbox provider, then by ESP. */
export type Carry = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Decision extends NewDecision {
  readonly id: number;
  readonly decidedAt: Date;
}

interface DecisionRow {
  id: string;
  account_id: string;
  batch_id: string;
  window: NewDecision['window'];
  policy: string;
  reason: string;
  weights: Record<string, number>;
  provider_weights: ByCell | null;
  evidence: EvidenceByEsp;
  basis: DecisionBasis | null;
  totals: Evidence | null;
  decided_at: Date;
}

const fromRow = (row: DecisionRow): Decision => ({
  id: Number(row.id),
  accountId: row.account_id,
  batchId: row.batch_id,
  window: row.window,
  policy: row.policy,
  reason: row.reason,
  weights: row.weights,
  // Decisions of an older version told no mailbox providers apart, and their totals do not fit ours.
  providerWeights: row.provider_weights ?? {},
  evidence: row.evidence,
  basis: row.basis ?? { cells: {}, scores: {}, allowances: {} },
  totals: row.basis === null ? null : row.totals,
  decidedAt: row.decided_at,
});

const columns =
  'id, account_id, batch_id, "window", policy, reason, weights, provider_weights, evidence, basis, totals, decided_at';

export const insertDecision = async (db: Database, decision: NewDecision): Promise<Decision> => {
  const { rows } = await db.query<DecisionRow>(
    `insert into weight_decisions (account_id, batch_id, "window", policy, reason, weights, provider_weights, evidence, basis, totals)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8::jsonb, $9::jsonb, $10::jsonb)
     returning ${columns}`,
    [
      decision.accountId,
      decision.batchId,
      decision.window,
      decision.policy,
      decision.reason,
      JSON.stringify(decision.weights),
      JSON.stringify(decision.providerWeights),
      JSON.stringify(decision.evidence),
      JSON.stringify(decision.basis),
      decision.totals === null ? null : JSON.stringify(decision.totals),
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new TypeError('an insert with RETURNING gave no row');
  return fromRow(row);
};

/** The newest decision of an account for a batch id (empty: the standing one), if there is any. */
export const latestDecision = async (
  db: Database,
  accountId: string,
  batchId: string,
): Promise<Decision | undefined> => {
  const { rows } = await db.query<DecisionRow>(
    `select ${columns} from weight_decisions where account_id = $1 and batch_id = $2 order by id desc limit 1`,
    [accountId, batchId],
  );
  return rows[0] === undefined ? undefined : fromRow(rows[0]);
};

export const decisionById = async (db: Database, id: number): Promise<Decision | undefined> => {
  const { rows } = await db.query<DecisionRow>(`select ${columns} from weight_decisions where id = $1`, [id]);
  return rows[0] === undefined ? undefined : fromRow(rows[0]);
};

/**
 * What each ESP is owed of an account's requests of one recipient. Locked until the transaction ends, so that whoever
 * plans the next ones waits for `storeCarry`.
 */
export const lockCarry = async (db: Database, accountId: string): Promise<Carry> => {
  const { rows } = await db.query<{ carry: Carry }>(
    `insert into single_carries as c (account_id) values ($1)
     on conflict (account_id) do update set carry = c.carry returning carry`,
    [accountId],
  );
  return rows[0]?.carry ?? {};
};

/** Stores what is owed after `positions` more requests of one recipient that followed the decision. */
export const storeCarry = async (
  db: Database,
  accountId: string,
  carry: Carry,
  followed: { readonly decisionId: number; readonly positions: number },
): Promise<void> => {
  await db.query(
    `with stored as (update single_carries set carry = $2::jsonb where account_id = $1)
     update weight_decisions set counter = counter + $4 where id = $3`,
    [accountId, JSON.stringify(carry), followed.decisionId, followed.positions],
  );
};

/** Accounts that ever sent, the ones whose weights can have changed. */
export const accountsWithEvidence = async (db: Database): Promise<string[]> => {
  const { rows } = await db.query<{ account_id: string }>(`select distinct account_id from esp_totals order by 1`);
  return rows.map((row) => row.account_id);
};

/** What stood at a time. */
export interface HistoryPoint {
  readonly at: Date;
  readonly policy: string;
  readonly reason: string;
  readonly weights: Readonly<Record<string, number>>;
  /** What each ESP was allowed, in words; null in decisions of an older version. */
  readonly allowances: Readonly<Record<string, string>> | null;
}

/**
 * The standing weights of an account over time, oldest first: the last decision of each step of so many seconds, after
 * the one that stood when it begins - decisions are rare while nothing changes.
 */
export const weightHistory = async (
  db: Database,
  accountId: string,
  since: Date,
  stepSeconds: number,
): Promise<HistoryPoint[]> => {
  const { rows } = await db.query<HistoryPoint>(
    `with standing as (
       select id, decided_at as at, policy, reason, weights, basis -> 'allowances' as allowances
       from weight_decisions where account_id = $1 and batch_id = ''
     ), before as (select * from standing where at < $2 order by id desc limit 1)
     select at, policy, reason, weights, allowances from before
     union all
     (select distinct on (floor(extract(epoch from at) / $3::int)) at, policy, reason, weights, allowances
      from standing where at >= $2 order by floor(extract(epoch from at) / $3::int), id desc)
     order by at`,
    [accountId, since, stepSeconds],
  );
  return rows;
};

import type { EspEvidence } from '../domain/weigh-esps.ts';
import type { Database } from './connect.ts';

export type EvidenceByEsp = Readonly<Record<string, EspEvidence>>;

export interface NewDecision {
  readonly accountId: string;
  /** Empty: the standing decision for requests without a batch. */
  readonly batchId: string;
  readonly window: '30d' | 'since-last-batch';
  readonly policy: string;
  /** One sentence for a person. */
  readonly reason: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly evidence: EvidenceByEsp;
  /** Running totals at the time of the decision; the next batch's evidence is what came since. */
  readonly totals: EvidenceByEsp | null;
}

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
  evidence: EvidenceByEsp;
  totals: EvidenceByEsp | null;
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
  evidence: row.evidence,
  totals: row.totals,
  decidedAt: row.decided_at,
});

const columns = 'id, account_id, batch_id, "window", policy, reason, weights, evidence, totals, decided_at';

export const insertDecision = async (db: Database, decision: NewDecision): Promise<Decision> => {
  const { rows } = await db.query<DecisionRow>(
    `insert into weight_decisions (account_id, batch_id, "window", policy, reason, weights, evidence, totals)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8::jsonb) returning ${columns}`,
    [
      decision.accountId,
      decision.batchId,
      decision.window,
      decision.policy,
      decision.reason,
      JSON.stringify(decision.weights),
      JSON.stringify(decision.evidence),
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
 * Takes the next `count` positions of a decision's counter and answers the first of them: requests of one recipient
 * stand on consecutive positions, so that together they follow the weights.
 */
export const takePositions = async (db: Database, decisionId: number, count: number): Promise<number> => {
  const { rows } = await db.query<{ counter: string }>(
    `update weight_decisions set counter = counter + $2 where id = $1 returning counter`,
    [decisionId, count],
  );
  return Number(rows[0]?.counter ?? count) - count;
};

/** Accounts with statistics in the last 30 days, the ones whose weights can have changed. */
export const accountsWithEvidence = async (db: Database): Promise<string[]> => {
  const { rows } = await db.query<{ account_id: string }>(`select distinct account_id from esp_totals order by 1`);
  return rows.map((row) => row.account_id);
};

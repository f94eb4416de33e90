import type { SharedContent } from '../contracts/email.ts';
import type { SplitPlan } from '../domain/plan-split.ts';
import type { Database } from './connect.ts';

export interface NewRequest {
  readonly id: string;
  readonly accountId: string;
  readonly lane: string;
  readonly class: string;
  readonly policy: string;
  readonly total: number;
  readonly batchId: string | null;
  readonly esps: readonly string[] | null;
  readonly content: SharedContent;
  /** Domain of `from`; null where it is not known. */
  readonly senderDomain?: string | null;
  /** Recipients a batch; null or undefined: all of it goes out at once. */
  readonly batchSize?: number | null;
}

export interface StoredRequest extends NewRequest {
  /** The list that its recipients can unsubscribe from. */
  readonly list: string | null;
  readonly templateId: string | null;
  readonly templateVersion: number | null;
  readonly decisionId: number | null;
  readonly weights: Readonly<Record<string, number>> | null;
  readonly split: Readonly<Record<string, number>> | null;
  readonly plan: SplitPlan | null;
  readonly createdAt: Date;
}

/**
 * Stores the requests that are not stored yet; answers the ids of those that now are by this call. Another process that
 * stores the same request waits here until this transaction ends, so exactly one of them decides its weights.
 */
export const insertRequests = async (db: Database, requests: readonly NewRequest[]): Promise<ReadonlySet<string>> => {
  if (requests.length === 0) return new Set();
  // Sorted, so that two processes with several requests in common lock them in the same order.
  const rows = [...requests].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { rows: inserted } = await db.query<{ id: string }>(
    `insert into requests (id, account_id, lane, class, policy, total, batch_id, esps, content, sender_domain, list, template_id, template_version, batch_size)
     select r.id, r.account_id, r.lane, r.class, r.policy, r.total, r.batch_id,
            case when r.esps is null then null else array(select jsonb_array_elements_text(r.esps)) end, r.content, r.sender_domain, r.list, r.template_id, r.template_version, r.batch_size
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::jsonb[], $9::jsonb[],
                 $10::text[], $11::text[], $12::text[], $13::int[], $14::int[])
       as r(id, account_id, lane, class, policy, total, batch_id, esps, content, sender_domain, list, template_id, template_version, batch_size)
     on conflict (id) do nothing
     returning id`,
    [
      rows.map((row) => row.id),
      rows.map((row) => row.accountId),
      rows.map((row) => row.lane),
      rows.map((row) => row.class),
      rows.map((row) => row.policy),
      rows.map((row) => row.total),
      rows.map((row) => row.batchId),
      rows.map((row) => (row.esps === null ? null : JSON.stringify(row.esps))),
      rows.map((row) => JSON.stringify(row.content)),
      rows.map((row) => row.senderDomain ?? null),
      rows.map((row) => row.content.unsubscribe?.list ?? null),
      rows.map((row) => row.content.template?.id ?? null),
      rows.map((row) => row.content.template?.version ?? null),
      rows.map((row) => row.batchSize ?? null),
    ],
  );
  return new Set(inserted.map((row) => row.id));
};

/** Stores which decision a request follows, and the split that it means for all its recipients. */
export const storeRequestPlans = async (
  db: Database,
  plans: readonly {
    readonly id: string;
    readonly decisionId: number;
    readonly weights: Readonly<Record<string, number>>;
    readonly split: Readonly<Record<string, number>>;
    /** The split by mailbox provider. */
    readonly plan: SplitPlan;
  }[],
): Promise<void> => {
  if (plans.length === 0) return;
  await db.query(
    `update requests r set decision_id = p.decision_id, weights = p.weights, split = p.split, plan = p.plan
     from unnest($1::text[], $2::bigint[], $3::jsonb[], $4::jsonb[], $5::jsonb[]) as p(id, decision_id, weights, split, plan)
     where r.id = p.id`,
    [
      plans.map((plan) => plan.id),
      plans.map((plan) => plan.decisionId),
      plans.map((plan) => JSON.stringify(plan.weights)),
      plans.map((plan) => JSON.stringify(plan.split)),
      plans.map((plan) => JSON.stringify(plan.plan)),
    ],
  );
};

/** The stored template that a request is made of, for its owner. */
export const templateOf = ({ templateId: id, templateVersion: version }: StoredRequest) =>
  id === null || version === null ? {} : { template: { id, version } };

interface RequestRow {
  id: string;
  account_id: string;
  lane: string;
  class: string;
  policy: string;
  total: number;
  batch_id: string | null;
  esps: string[] | null;
  content: SharedContent;
  sender_domain: string | null;
  list: string | null;
  template_id: string | null;
  template_version: number | null;
  decision_id: string | null;
  weights: Record<string, number> | null;
  split: Record<string, number> | null;
  plan: SplitPlan | null;
  batch_size: number | null;
  created_at: Date;
}

/** The stored requests among the given ids. `withContent: false` leaves the (large) content empty. */
export const loadRequests = async (
  db: Database,
  ids: readonly string[],
  options: { readonly withContent: boolean },
): Promise<ReadonlyMap<string, StoredRequest>> => {
  const content = options.withContent ? 'content' : `'{"from":""}'::jsonb as content`;
  const { rows } = await db.query<RequestRow>(
    `select id, account_id, lane, class, policy, total, batch_id, esps, ${content}, sender_domain, list, template_id, template_version, decision_id, weights, split, plan, batch_size, created_at
     from requests where id = any($1::text[])`,
    [ids],
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        accountId: row.account_id,
        lane: row.lane,
        class: row.class,
        policy: row.policy,
        total: row.total,
        batchId: row.batch_id,
        esps: row.esps,
        content: row.content,
        senderDomain: row.sender_domain,
        list: row.list,
        templateId: row.template_id,
        templateVersion: row.template_version,
        decisionId: row.decision_id === null ? null : Number(row.decision_id),
        weights: row.weights,
        split: row.split,
        plan: row.plan,
        batchSize: row.batch_size,
        createdAt: row.created_at,
      },
    ]),
  );
};

// Decides the weights of new requests and writes down which ESP each of their recipients is planned for.
import type { Database } from '../../shared/db/connect.ts';
import { decideBatch, type WeighSettings } from '../../shared/db/decide-weights.ts';
import { storeRequestPlans } from '../../shared/db/requests.ts';
import { lockCarry, storeCarry, type Decision } from '../../shared/db/weight-decisions.ts';
import type { ByCell } from '../../shared/domain/policies/policy.ts';
import { assignSingles } from './assign-singles.ts';
import type { Routing } from './consumer-routing.ts';
import { planRequest, planSingle, type Recipients, type RequestPlan } from '../../shared/domain/plan-request.ts';
import type { PreparedRequest } from './prepare-request.ts';

interface Decided {
  readonly request: PreparedRequest;
  readonly decision: Decision;
  readonly recipients: Recipients;
}

const recipientsOf = ({ part }: PreparedRequest): Recipients =>
  Object.fromEntries(Object.entries(part.providers).map(([provider, { total }]) => [provider, total]));

const byDecision = (decided: readonly Decided[]): [Decision, Decided[]][] => {
  const groups = new Map<number, [Decision, Decided[]]>();
  for (const one of decided) {
    const group = groups.get(one.decision.id);
    if (group === undefined) groups.set(one.decision.id, [one.decision, [one]]);
    else group[1].push(one);
  }
  // In one order for all processes, since what an account is owed is locked until the transaction ends.
  return [...groups.values()].sort(([a], [b]) =>
    a.accountId === b.accountId ? a.id - b.id : a.accountId < b.accountId ? -1 : 1,
  );
};

/**
 * Plans requests that this transaction was the first to store. A request of a batch gets a decision of its own; the others
 * follow the standing one of their account. Requests of one recipient take their ESPs together, with what earlier ones left
 * owing, so that in the long run they follow the weights as exactly as one large request does.
 */
export const planRequests = async (
  db: Database,
  requests: readonly PreparedRequest[],
  standingOf: ReadonlyMap<string, Decision>,
  settings: WeighSettings,
  weightsFor: (decision: Decision, esps: readonly string[] | null, providers: readonly string[]) => ByCell,
): Promise<void> => {
  const decided: Decided[] = [];
  const ofSingles = new Map<string, Decision>();
  const decideFor = async (request: PreparedRequest, batchId: string, recipients: Recipients): Promise<Decision> => {
    // A batch of many requests of one recipient is decided once: between them nothing can have become known.
    const key = `${request.accountId}\n${batchId}`;
    const known = request.part.total === 1 ? ofSingles.get(key) : undefined;
    const decision = known ?? (await decideBatch(db, request.accountId, batchId, settings, recipients));
    if (request.part.total === 1) ofSingles.set(key, decision);
    return decision;
  };
  for (const request of requests) {
    const recipients = recipientsOf(request);
    const decision =
      request.batchId === null
        ? standingOf.get(request.accountId)
        : await decideFor(request, request.batchId, recipients);
    if (decision === undefined) throw new RangeError('a standing decision is missing');
    decided.push({ request, decision, recipients });
  }
  const plans = new Map<string, RequestPlan>();
  for (const { request, decision, recipients } of decided) {
    if (request.part.total === 1) continue;
    plans.set(request.id, planRequest(weightsFor(decision, request.esps, Object.keys(recipients)), recipients));
  }
  for (const [decision, group] of byDecision(decided.filter(({ request }) => request.part.total === 1))) {
    const singles = group.map(({ request, recipients }) => {
      const provider = Object.keys(recipients)[0] ?? 'other';
      return { provider, weights: weightsFor(decision, request.esps, [provider])[provider] ?? {} };
    });
    const assigned = assignSingles(singles, await lockCarry(db, decision.accountId));
    await storeCarry(db, decision.accountId, assigned.carry, { decisionId: decision.id, positions: group.length });
    group.forEach(({ request }, index) => {
      const { provider = 'other', weights = {} } = singles[index] ?? {};
      plans.set(request.id, planSingle(weights, provider, assigned.esps[index] ?? ''));
    });
  }
  await storeRequestPlans(
    db,
    decided.flatMap(({ request, decision }) => {
      const plan = plans.get(request.id);
      return plan === undefined ? [] : [{ id: request.id, decisionId: decision.id, ...plan }];
    }),
  );
};

/** Accounts' standing decisions, read before the transaction so that it holds no lock while they are made. */
export const standingDecisions = async (
  routing: Routing,
  requests: readonly PreparedRequest[],
): Promise<ReadonlyMap<string, Decision>> => {
  const standing = new Map<string, Decision>();
  for (const accountId of new Set(requests.map((request) => request.accountId))) {
    standing.set(accountId, await routing.standing(accountId));
  }
  return standing;
};

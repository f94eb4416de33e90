import { apportion, restrictWeights } from './apportion.ts';
import { planSplit, type SplitPlan } from './plan-split.ts';
import type { Allowance } from './esp-health.ts';
import { mailboxProviders } from './mailbox-provider.ts';
import type { ByCell, Memory } from './policies/policy.ts';
import { averageWeights, weighEsps, weightPolicies } from './weigh-esps.ts';

type Weights = Readonly<Record<string, number>>;
type Allowances = Readonly<Record<string, Allowance>>;

/** Recipients of a request by mailbox provider. */
export type Recipients = Readonly<Record<string, number>>;

export interface RequestPlan {
  /** Averaged over its recipients, 1000 in all. */
  readonly weights: Weights;
  /** Of all its recipients, by ESP. */
  readonly split: Readonly<Record<string, number>>;
  readonly plan: SplitPlan;
}

/** What of a decision its requests are planned by. */
export interface Decided {
  readonly weights: Weights;
  readonly providerWeights: ByCell;
  readonly policy: string;
  readonly basis: { readonly memory?: Memory | undefined };
}

/**
 * A decision's weights by mailbox provider for a request that may use some ESPs alone; each 1000 in all again.
 *
 * Of a policy that remembers, they are weighed anew among those: in proportion, the small shares of ESPs that are all
 * far behind would come out as if they were alike. Other policies' shares keep their proportion.
 */
export const providerWeightsFor = (
  decision: Decided,
  esps: readonly string[] | null,
  providers: readonly string[],
  allowances: Allowances,
): ByCell => {
  const known = esps?.filter((esp) => decision.weights[esp] !== undefined) ?? [];
  const policy = weightPolicies.find((name) => name === decision.policy);
  const { memory } = decision.basis;
  if (esps !== null && known.length > 0 && memory !== undefined && policy !== undefined) {
    return weighEsps(policy, { esps: known, providers, past: {}, news: [], memory, seed: 0 }, allowances).weights;
  }
  return Object.fromEntries(
    providers.map((provider) => [
      provider,
      restrictWeights(decision.providerWeights[provider] ?? decision.weights, esps ?? undefined),
    ]),
  );
};

/** The same, computed once for all requests of a decision that name the same ESPs while these may have the same. */
export const providerWeightsOnce = (): typeof providerWeightsFor => {
  const known = new WeakMap<Decided, Map<string, ByCell>>();
  return (decision, esps, providers, allowances) => {
    if (esps === null) return providerWeightsFor(decision, esps, providers, allowances);
    const ofDecision = known.get(decision) ?? new Map<string, ByCell>();
    known.set(decision, ofDecision);
    const key = JSON.stringify([esps, esps.map((esp) => allowances[esp] ?? null)]);
    const weights = ofDecision.get(key) ?? providerWeightsFor(decision, esps, mailboxProviders, allowances);
    ofDecision.set(key, weights);
    return Object.fromEntries(providers.map((provider) => [provider, weights[provider] ?? {}]));
  };
};

/** Splits a request by the weights of its mailbox providers. */
export const planRequest = (byProvider: ByCell, recipients: Recipients): RequestPlan => {
  const weights = averageWeights(byProvider, recipients);
  const total = Object.values(recipients).reduce((sum, count) => sum + count, 0);
  return { weights, split: apportion(total, weights), plan: planSplit(recipients, byProvider, weights) };
};

/** The plan of a request of one recipient, whose ESP was chosen with all such requests in view. */
export const planSingle = (weights: Weights, provider: string, esp: string): RequestPlan => {
  const split = { ...apportion(0, weights), [esp]: 1 };
  return { weights, split, plan: { [provider]: split } };
};

import { apportion, restrictWeights } from '../../shared/domain/apportion.ts';
import { planSplit, type SplitPlan } from '../../shared/domain/plan-split.ts';
import type { ByCell } from '../../shared/domain/policies/policy.ts';
import { averageWeights } from '../../shared/domain/weigh-esps.ts';

type Weights = Readonly<Record<string, number>>;

/** Recipients of a request by mailbox provider. */
export type Recipients = Readonly<Record<string, number>>;

export interface RequestPlan {
  /** Averaged over its recipients, 1000 in all. */
  readonly weights: Weights;
  /** Of all its recipients, by ESP. */
  readonly split: Readonly<Record<string, number>>;
  readonly plan: SplitPlan;
}

/** A decision's weights by mailbox provider for a request that may use some ESPs alone; each 1000 in all again. */
export const providerWeightsFor = (
  decision: { readonly weights: Weights; readonly providerWeights: ByCell },
  esps: readonly string[] | null,
  providers: readonly string[],
): ByCell =>
  Object.fromEntries(
    providers.map((provider) => [
      provider,
      restrictWeights(decision.providerWeights[provider] ?? decision.weights, esps ?? undefined),
    ]),
  );

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

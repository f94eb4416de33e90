import { weightsOf } from './apportion.ts';
import type { Allowance } from './esp-health.ts';
import { adaptive } from './policies/adaptive.ts';
import { even } from './policies/even.ts';
import type { ByCell, Memory, Policy, PolicyInput } from './policies/policy.ts';
import { rates } from './policies/rates.ts';
import { thompson } from './policies/thompson.ts';

/** Every policy by its name. A new one is a file beside these and a line here. */
const policies = { adaptive, rates, thompson, even } satisfies Readonly<Record<string, Policy>>;
export type WeightPolicy = keyof typeof policies;
export const weightPolicies = ['adaptive', 'rates', 'thompson', 'even'] as const satisfies readonly WeightPolicy[];

type Shares = Readonly<Record<string, number>>;

export interface Weighed {
  /** By mailbox provider, then by ESP: each provider's weights sum to exactly 1000. */
  readonly weights: ByCell;
  readonly scores: ByCell;
  readonly memory: Memory | undefined;
}

/**
 * Shares (summing to 1) under what each ESP is allowed: nothing for one that gets probes alone, at most its part for one
 * that is coming back. `sharesAmong` is asked for those who may have any share; whoever hits its limit keeps that, and
 * the rest is shared out anew among the others. With nobody allowed more than probes all are alike, since somebody must
 * be tried first.
 */
export const underAllowances = (
  esps: readonly string[],
  allowances: Readonly<Record<string, Allowance>>,
  sharesAmong: (esps: readonly string[]) => Shares,
): Record<string, number> => {
  const kindOf = (esp: string): Allowance['kind'] => allowances[esp]?.kind ?? 'any';
  const allowed = esps.filter((esp) => kindOf(esp) === 'any' || kindOf(esp) === 'share');
  if (allowed.length === 0) {
    const sick = esps.filter((esp) => kindOf(esp) === 'probe');
    const tried = sick.length > 0 ? sick : esps;
    return Object.fromEntries(esps.map((esp) => [esp, tried.includes(esp) ? 1 / tried.length : 0]));
  }
  const most = (esp: string): number => {
    const allowance = allowances[esp];
    return allowance?.kind === 'share' ? allowance.most : 1;
  };
  const held: Record<string, number> = {};
  for (;;) {
    const free = allowed.filter((esp) => held[esp] === undefined);
    const left = 1 - Object.values(held).reduce((sum, share) => sum + share, 0);
    const shares = sharesAmong(free);
    const total = free.reduce((sum, esp) => sum + (shares[esp] ?? 0), 0);
    const part = (esp: string): number => (total > 0 ? ((shares[esp] ?? 0) * left) / total : left / free.length);
    const over = free.filter((esp) => part(esp) > most(esp));
    // When even the limits of all together leave mail over, they cannot be kept: then everyone gets in proportion.
    if (over.length === 0 || over.length === free.length) {
      const given = Object.fromEntries(free.map((esp) => [esp, part(esp)]));
      return { ...Object.fromEntries(esps.map((esp) => [esp, 0])), ...held, ...given };
    }
    for (const esp of over) held[esp] = most(esp);
  }
};

/** Weights of the given ESPs for every mailbox provider: the policy's shares under the ESPs' allowances. */
export const weighEsps = (
  policy: WeightPolicy | Policy,
  input: PolicyInput,
  allowances: Readonly<Record<string, Allowance>>,
): Weighed => {
  const rule = typeof policy === 'string' ? policies[policy] : policy;
  const { shares, scores, memory } = rule(input);
  const weights = Object.fromEntries(
    input.providers.map((provider) => [
      provider,
      weightsOf(underAllowances(input.esps, allowances, (among) => shares(provider, among))),
    ]),
  );
  return { weights, scores, memory };
};

/** An ESP's score over all mailbox providers alike; undefined for one that was not weighed. */
export const meanScore = (scores: ByCell, esp: string): number | undefined => {
  const own = Object.values(scores).flatMap((byEsp) => byEsp[esp] ?? []);
  return own.length === 0 ? undefined : own.reduce((sum, score) => sum + score, 0) / own.length;
};

/** Providers' weights averaged over so many recipients of each, 1000 in all; over all providers alike where there are none. */
export const averageWeights = (
  weights: ByCell,
  recipients: Readonly<Record<string, number>>,
): Record<string, number> => {
  const known = Object.entries(weights);
  const total = known.reduce((sum, [provider]) => sum + (recipients[provider] ?? 0), 0);
  const average: Record<string, number> = {};
  for (const [provider, byEsp] of known) {
    const part = total > 0 ? (recipients[provider] ?? 0) : 1;
    for (const [esp, weight] of Object.entries(byEsp)) average[esp] = (average[esp] ?? 0) + weight * part;
  }
  return weightsOf(average);
};

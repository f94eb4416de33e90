import type { EspState } from './allowances.ts';
import { addEvidence, mailMix, noEvidence, type EspEvidence, type Evidence } from './evidence.ts';
import type { ByCell } from './policies/policy.ts';
import { meanScore, type WeightPolicy } from './weigh-esps.ts';

/** A question to the weights: what would they be, were this otherwise? */
export interface WhatIf {
  readonly policy?: WeightPolicy | undefined;
  /** As if these were paused. */
  readonly without?: readonly string[] | undefined;
  /** As if only these were configured. */
  readonly esps?: readonly string[] | undefined;
}

/** What weights are decided by, besides evidence. */
export interface Premises {
  readonly policy: WeightPolicy;
  readonly esps: readonly string[];
  readonly states: Readonly<Record<string, EspState>>;
}

/** The premises as the question supposes them. */
export const suppose = ({ policy, without = [], esps }: WhatIf, now: Premises): Premises => ({
  policy: policy ?? now.policy,
  esps: esps === undefined ? now.esps : now.esps.filter((esp) => esps.includes(esp)),
  states: {
    ...now.states,
    ...Object.fromEntries(without.map((esp) => [esp, { ...now.states[esp], mode: 'paused' as const }])),
  },
});

/** Shares of the mail, 0 to 1. */
export interface Rates {
  readonly delivered: number;
  readonly complained: number;
}

// What is assumed of mail that nobody has sent yet, and for how many messages that counts.
const typical: Rates = { delivered: 0.97, complained: 0.0005 };
const leans: Rates = { delivered: 20, complained: 2_000 };

const leaning = ({ settled, ...counted }: EspEvidence, towards: Rates): Rates => {
  // Late outcomes can outnumber the mail that counts as settled.
  const base = Math.max(settled, counted.delivered + counted.bounced, 0);
  return {
    delivered: (counted.delivered + leans.delivered * towards.delivered) / (base + leans.delivered),
    complained: (counted.complained + leans.complained * towards.complained) / (base + leans.complained),
  };
};

/**
 * What would become of a mix of mail under these weights, were every ESP to do as it did: an ESP that a mailbox provider
 * got little mail through is taken for what is usual there.
 */
export const expectedRates = (weights: ByCell, evidence: Evidence, mix: Readonly<Record<string, number>>): Rates => {
  const providers = Object.keys(weights);
  const total = providers.reduce((sum, provider) => sum + (mix[provider] ?? 0), 0);
  const expected = { delivered: 0, complained: 0 };
  for (const provider of providers) {
    const part = total > 0 ? (mix[provider] ?? 0) / total : 1 / providers.length;
    const all = Object.values(evidence).reduce(
      (sum, cells) => addEvidence(sum, cells[provider] ?? noEvidence),
      noEvidence,
    );
    const usual = leaning(all, typical);
    for (const [esp, weight] of Object.entries(weights[provider] ?? {})) {
      const rates = leaning(evidence[esp]?.[provider] ?? noEvidence, usual);
      expected.delivered += (part * weight * rates.delivered) / 1_000;
      expected.complained += (part * weight * rates.complained) / 1_000;
    }
  }
  return expected;
};

/** Weights and what they were made of. */
export interface Weighing {
  readonly policy: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly providerWeights: ByCell;
  readonly scores: ByCell;
}

export interface Comparison {
  readonly esps: readonly {
    readonly esp: string;
    readonly weight: number;
    /** Against today's weight. */
    readonly change: number;
    /** Null for an ESP that was not weighed. */
    readonly score: number | null;
  }[];
  readonly expected: Rates;
  readonly today: Rates;
}

/** Two ways to weigh, side by side, on the same evidence. */
export const compareWeights = (today: Weighing, then: Weighing, evidence: Evidence): Comparison => {
  const mix = mailMix(evidence);
  const esps = [...new Set([...Object.keys(today.weights), ...Object.keys(then.weights)])].sort();
  return {
    esps: esps.map((esp) => {
      const weight = then.weights[esp] ?? 0;
      return { esp, weight, change: weight - (today.weights[esp] ?? 0), score: meanScore(then.scores, esp) ?? null };
    }),
    expected: expectedRates(then.providerWeights, evidence, mix),
    today: expectedRates(today.providerWeights, evidence, mix),
  };
};

const percent = (rate: number, digits: number): string => `${(100 * rate).toFixed(digits)} %`;

/** The comparison in a sentence, for a person. */
export const explainWhatIf = ({ policy, without = [], esps }: WhatIf, { expected, today }: Comparison): string => {
  const suppositions = [
    ...(without.length === 0 ? [] : [`without ${without.join(', ')}`]),
    ...(esps === undefined ? [] : [`with ${esps.join(', ')} alone`]),
    ...(policy === undefined ? [] : [`by the policy ${policy}`]),
  ];
  const supposed = suppositions.length === 0 ? 'As it is' : suppositions.join(' and ');
  return (
    `${supposed.charAt(0).toUpperCase()}${supposed.slice(1)}: ${percent(expected.delivered, 2)} of the mail would be ` +
    `delivered (today ${percent(today.delivered, 2)}) and ${percent(expected.complained, 3)} complained about ` +
    `(today ${percent(today.complained, 3)}).`
  );
};

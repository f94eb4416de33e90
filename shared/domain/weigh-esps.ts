import { weightsOf } from './apportion.ts';

/** What became of the messages that an ESP accepted, in a window. Machine opens are not in `opened`. */
export interface EspEvidence {
  readonly sent: number;
  /** Those of them that have an outcome, or are old enough to have had one: the base of every rate. */
  readonly settled: number;
  readonly delivered: number;
  readonly opened: number;
  readonly clicked: number;
  readonly bounced: number;
  readonly complained: number;
}

export interface WeighedEsp {
  readonly esp: string;
  readonly score: number;
  /** Of 1000. */
  readonly weight: number;
}

export const noEvidence: EspEvidence = {
  sent: 0,
  settled: 0,
  delivered: 0,
  opened: 0,
  clicked: 0,
  bounced: 0,
  complained: 0,
};

export const weightPolicies = ['rates', 'even'] as const;
export type WeightPolicy = (typeof weightPolicies)[number];

/** The factors of the Go consumer that this rule comes from. */
const factors = { opened: 0.5, delivered: 0.2, bounced: -0.3, complained: -0.2 } as const;

// What anyone would assume of an ESP that nobody has used yet.
const typicalRates = { delivered: 0.97, opened: 0.3, bounced: 0.02, complained: 0.0005 };
// How many messages' worth of "like the others" an ESP starts with: enough that five lucky opens decide nothing.
const priorMessages = 100;

type Rates = typeof typicalRates;
const outcomes = ['delivered', 'opened', 'bounced', 'complained'] as const;

// An ESP that never told anything gives no evidence of quality: its silence may be a webhook nobody set up.
const hasSpoken = (evidence: EspEvidence): boolean => outcomes.some((outcome) => evidence[outcome] > 0);

const pooledRates = (all: readonly EspEvidence[]): Rates => {
  const spoken = all.filter(hasSpoken);
  const settled = spoken.reduce((sum, evidence) => sum + evidence.settled, 0);
  const rate = (outcome: keyof Rates): number =>
    (spoken.reduce((sum, evidence) => sum + evidence[outcome], 0) + typicalRates[outcome] * priorMessages) /
    (settled + priorMessages);
  return {
    delivered: rate('delivered'),
    opened: rate('opened'),
    bounced: rate('bounced'),
    complained: rate('complained'),
  };
};

/**
 * Score of one ESP: 0.5·open + 0.2·delivered − 0.3·bounce − 0.2·complaint, floored at 0. Each rate is over the
 * messages that are settled, so that mail still under way counts against nobody, leaning on the rates of all ESPs with the weight of 100 messages.
 */
const scoreByRates = (evidence: EspEvidence, typical: Rates): number => {
  const known = hasSpoken(evidence) ? evidence : noEvidence;
  const rate = (outcome: keyof Rates): number =>
    // Outcomes of messages whose acceptance we never saw can outnumber `sent`; a rate above 1 would be nonsense.
    Math.min(1, (known[outcome] + typical[outcome] * priorMessages) / (known.settled + priorMessages));
  return Math.max(
    0,
    outcomes.reduce((sum, outcome) => sum + factors[outcome] * rate(outcome), 0),
  );
};

/**
 * Weights of the given ESPs, summing to exactly 1000. An ESP without history stands as the typical one and so gets its
 * fair share. `sick` ESPs get 1 of 1000 (the failover seed's share: enough to notice a recovery) unless all are sick.
 */
export const weighEsps = (
  policy: WeightPolicy,
  evidence: Readonly<Record<string, EspEvidence>>,
  sick: ReadonlySet<string>,
): WeighedEsp[] => {
  const esps = Object.keys(evidence).sort();
  const typical = pooledRates(Object.values(evidence));
  const scores = Object.fromEntries(
    esps.map((esp) => [esp, policy === 'even' ? 1 : scoreByRates(evidence[esp] ?? noEvidence, typical)]),
  );
  const well = esps.filter((esp) => !sick.has(esp));
  const isDivided = well.length > 0 && well.length < esps.length;
  const total = well.reduce((sum, esp) => sum + (scores[esp] ?? 0), 0);
  const share = (esp: string): number => {
    if (!isDivided) return scores[esp] ?? 0;
    // The healthy share 1000 less one for each sick one; when all their scores are 0 they share it evenly.
    const healthyShare = 1_000 - (esps.length - well.length);
    if (sick.has(esp)) return 1;
    return total > 0 ? ((scores[esp] ?? 0) * healthyShare) / total : healthyShare / well.length;
  };
  const weights = weightsOf(Object.fromEntries(esps.map((esp) => [esp, share(esp)])));
  return esps.map((esp) => ({ esp, score: scores[esp] ?? 0, weight: weights[esp] ?? 0 }));
};

/** What became known between two running totals; never negative, since a total can shrink when a row is corrected. */
export const evidenceSince = (now: EspEvidence, before: EspEvidence): EspEvidence => {
  const grown = (outcome: keyof EspEvidence): number => Math.max(0, now[outcome] - before[outcome]);
  return {
    sent: grown('sent'),
    settled: grown('settled'),
    delivered: grown('delivered'),
    opened: grown('opened'),
    clicked: grown('clicked'),
    bounced: grown('bounced'),
    complained: grown('complained'),
  };
};

import { addEvidence, mergeEvidence, noEvidence, ofAllProviders, type EspEvidence } from '../evidence.ts';
import type { Policy } from './policy.ts';

/** The factors of the Go consumer that this rule comes from. */
const factors = { opened: 0.5, delivered: 0.2, bounced: -0.3, complained: -0.2 } as const;
type Outcome = keyof typeof factors;
const outcomes = Object.keys(factors) as Outcome[];

// What anyone would assume of an ESP that nobody has used yet.
const typicalRates: Readonly<Record<Outcome, number>> = {
  delivered: 0.97,
  opened: 0.3,
  bounced: 0.02,
  complained: 0.0005,
};
// How many messages' worth of "like the others" an ESP starts with: enough that five lucky opens decide nothing.
const priorMessages = 100;

// An ESP that never told anything gives no evidence of quality: its silence may be a webhook nobody set up.
const hasSpoken = (evidence: EspEvidence): boolean => outcomes.some((outcome) => evidence[outcome] > 0);

const leaning = (evidence: EspEvidence, outcome: Outcome, towards: number): number =>
  // Outcomes of messages whose acceptance we never saw can outnumber `settled`; a rate above 1 would be nonsense.
  Math.min(1, (evidence[outcome] + towards * priorMessages) / (Math.max(0, evidence.settled) + priorMessages));

/**
 * The Go consumer's rule: 0.5·open + 0.2·delivered − 0.3·bounce − 0.2·complaint, floored at 0, shares in proportion. What
 * its own code got wrong is right here: each rate is over the messages that are settled, leaning on the rates of all
 * ESPs with the weight of 100 messages, so that an ESP without history gets the typical share. It looks at the window
 * alone and does not tell mailbox providers apart.
 */
export const rates: Policy = ({ esps, providers, past, news }) => {
  const window = news.reduce(mergeEvidence, past);
  const known = esps.map((esp) => {
    const evidence = ofAllProviders(window[esp]);
    return hasSpoken(evidence) ? evidence : noEvidence;
  });
  const all = known.reduce(addEvidence, noEvidence);
  const scores = esps.map((_, index) => {
    const evidence = known[index] ?? noEvidence;
    const sum = outcomes.reduce(
      (score, outcome) =>
        score + factors[outcome] * leaning(evidence, outcome, leaning(all, outcome, typicalRates[outcome])),
      0,
    );
    return Math.max(0, sum);
  });
  const alike = Object.fromEntries(esps.map((esp, index) => [esp, scores[index] ?? 0]));
  return {
    shares: (_provider, among) => Object.fromEntries(among.map((esp) => [esp, alike[esp] ?? 0])),
    scores: Object.fromEntries(providers.map((provider) => [provider, alike])),
  };
};

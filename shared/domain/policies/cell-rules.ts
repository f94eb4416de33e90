import { shareLikelihood } from '../likelihood.ts';
import { atMost, type Cell } from './remembered.ts';

// Numbers of messages, unless they say otherwise.

/** What is assumed of an ESP at a mailbox provider that nobody has used yet, and how firmly. */
export const typicalDelivered = 0.97;
const typicalWorth = 20;
/** How much one ESP may count in what is typical of a provider: the favourite is not the norm. */
const countsForTypical = 500;
/** How much a cell (an ESP at one mailbox provider) leans on the ESP's lead overall, and that on there being none. */
export const cellLeansOnLead = 80;
const leadLeansOnNone = 20;
/** What is assumed of an ESP that has changed: anything, around the typical. */
const changedWorth = 20;

/** A rate that nothing contradicts for good: never quite 0 or 1. */
export const within = (rate: number): number => Math.min(0.9995, Math.max(0.0005, rate));

/** The rules that look at all cells at once; `esps` and `providers` are the same throughout a decision. */
export const cellRules = (esps: readonly string[], providers: readonly string[]) => {
  /** What is typical of each mailbox provider: the delivered rate over all ESPs. */
  const typicalRates = (cell: Cell): ReadonlyMap<string, number> =>
    new Map(
      providers.map((provider) => {
        const counted = esps.map((esp) => atMost(cell(esp, provider), countsForTypical));
        const settled = counted.reduce((sum, one) => sum + one.settled, typicalWorth);
        const delivered = counted.reduce((sum, one) => sum + one.delivered, typicalWorth * typicalDelivered);
        return [provider, delivered / settled];
      }),
    );

  /** By how much an ESP beats the typical overall, the messages behind that, and what it is worth as a prior for a cell. */
  const leadOf = (esp: string, cell: Cell, rates: ReadonlyMap<string, number>) => {
    let settled = 0;
    let beyond = 0;
    for (const provider of providers) {
      const one = cell(esp, provider);
      settled += one.settled;
      beyond += one.delivered - one.settled * (rates.get(provider) ?? typicalDelivered);
    }
    const messages = settled + leadLeansOnNone;
    return { by: beyond / messages, messages, worth: (cellLeansOnLead * messages) / (cellLeansOnLead + messages) };
  };

  /**
   * How likely it is that an ESP is no longer what `known` says, at each provider, judged by `fresh`. Three stories are
   * compared by how well each foretells what was seen: nothing changed; the ESP changed overall, by as much everywhere;
   * it changed at one provider. Bayes' rule, with `changes` as what was thought before looking.
   */
  const changeOf = (
    esp: string,
    fresh: Cell,
    known: Cell,
    rates: ReadonlyMap<string, number>,
    before: { overall: number; oneProvider: number },
  ) => {
    const old = leadOf(esp, known, rates);
    const now = leadOf(esp, fresh, rates);
    const sum = { seen: 0, hits: 0, typical: 0, moved: 0, asBefore: 0, asMoved: 0 };
    const gains = providers.map((provider) => {
      const one = fresh(esp, provider);
      const seen = Math.max(0, one.settled, one.delivered);
      if (seen < 0.5) return -Infinity;
      const rate = rates.get(provider) ?? typicalDelivered;
      const had = known(esp, provider);
      const worth = had.settled + old.worth;
      const believed = (had.delivered + old.worth * within(rate + old.by)) / worth;
      const asBefore = shareLikelihood(seen, one.delivered, believed, worth);
      sum.seen += seen;
      sum.hits += one.delivered;
      sum.typical += seen * rate;
      sum.moved += seen * within(rate + now.by);
      sum.asBefore += asBefore;
      sum.asMoved += shareLikelihood(seen, one.delivered, within(rate + now.by), cellLeansOnLead);
      return shareLikelihood(seen, one.delivered, rate, changedWorth) - asBefore;
    });
    if (sum.seen < 0.5) return () => 0;
    // "Moved" was fitted to what it foretells; this is what a story that had to guess the new rate loses by that.
    const forGuessing =
      shareLikelihood(sum.seen, sum.hits, sum.typical / sum.seen, changedWorth) -
      shareLikelihood(sum.seen, sum.hits, sum.moved / sum.seen, sum.seen + cellLeansOnLead);
    const stories = [
      Math.log(1 - before.overall - before.oneProvider),
      Math.log(before.overall) + sum.asMoved - sum.asBefore + Math.min(0, forGuessing),
      ...gains.map((gain) => Math.log(before.oneProvider / providers.length) + gain),
    ];
    const top = Math.max(...stories);
    const [same = 0, overall = 0, ...alone] = stories.map((story) => Math.exp(story - top));
    const all = same + overall + alone.reduce((total, story) => total + story, 0);
    return (provider: string): number => (overall + (alone[providers.indexOf(provider)] ?? 0)) / all;
  };

  return { typicalRates, leadOf, changeOf };
};

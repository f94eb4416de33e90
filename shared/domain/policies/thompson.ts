import { randomBeta } from 'd3-random';
import { mergeEvidence, noEvidence, ofAllProviders } from '../evidence.ts';
import { createRandom } from '../random.ts';
import type { Memory, Policy } from './policy.ts';

const draws = 200;
/** What is left of older evidence after each batch. */
const fade = 0.97;
const prior = { delivered: 9.7, lost: 0.3 };
const complaintCost = 5;
const leanComplaints = 2_000;

const nothing = { settled: 0, delivered: 0, opened: 0 };

interface Known {
  readonly settled: number;
  readonly delivered: number;
  readonly complaintRate: number;
}

/**
 * Thompson sampling with discount, for each mailbox provider apart: an ESP's share is how often a rate drawn from what is
 * believed of it is the best of all. Complaints cost five deliveries each. The textbook's answer, kept to compare with.
 */
export const thompson: Policy = ({ esps, providers, past, news: pieces, memory, seed }) => {
  const news = pieces.reduce(mergeEvidence, past);
  const random = createRandom(seed);
  const beta = randomBeta.source(() => random.next());
  const learned: Memory = Object.fromEntries(
    esps.map((esp) => {
      const fresh = ofAllProviders(news[esp]);
      const complaints = {
        delivered: (memory?.[esp]?.complaints.delivered ?? 0) * fade + fresh.delivered,
        complained: (memory?.[esp]?.complaints.complained ?? 0) * fade + fresh.complained,
      };
      const cells = Object.fromEntries(
        providers.map((provider) => {
          const old = memory?.[esp]?.cells[provider]?.recent ?? nothing;
          const now = news[esp]?.[provider] ?? noEvidence;
          const delivered = old.delivered * fade + now.delivered;
          const settled = Math.max(delivered, old.settled * fade + now.settled);
          return [provider, { recent: { settled, delivered, opened: 0 }, older: nothing }];
        }),
      );
      return [esp, { cells, complaints, unheard: 0 }];
    }),
  );
  const known = (esp: string, provider: string): Known => {
    const { delivered, complained } = learned[esp]?.complaints ?? { delivered: 0, complained: 0 };
    const cell = learned[esp]?.cells[provider]?.recent ?? nothing;
    return { ...cell, complaintRate: complained / (delivered + leanComplaints) };
  };
  const costOf = ({ complaintRate }: Known): number => complaintCost * complaintRate;
  const score = (cell: Known): number =>
    (cell.delivered + prior.delivered) / (cell.settled + prior.delivered + prior.lost) - costOf(cell);
  return {
    shares: (provider, among) => {
      const dice = among.map((esp) => {
        const cell = known(esp, provider);
        const draw = beta(cell.delivered + prior.delivered, cell.settled - cell.delivered + prior.lost);
        return () => draw() - costOf(cell);
      });
      const wins = among.map(() => 0);
      for (let n = 0; n < draws; n += 1) {
        const drawn = dice.map((draw) => draw());
        const best = drawn.indexOf(Math.max(...drawn));
        wins[best] = (wins[best] ?? 0) + 1;
      }
      return Object.fromEntries(among.map((esp, index) => [esp, wins[index] ?? 0]));
    },
    scores: Object.fromEntries(
      providers.map((provider) => [
        provider,
        Object.fromEntries(esps.map((esp) => [esp, score(known(esp, provider))])),
      ]),
    ),
    memory: learned,
  };
};

import { noEvidence, type Evidence } from '../evidence.ts';
import { probabilityOfBest, type Belief } from '../probability-of-best.ts';
import { cellLeansOnLead, cellRules, typicalDelivered, within } from './cell-rules.ts';
import {
  atMostRemembered,
  commonComplaints,
  complaintsIn,
  complaintsOf,
  learnComplaints,
  noComplaints,
} from './complaints.ts';
import type { CellMemory, EspMemory, Memory, Policy } from './policy.ts';
import {
  afterChange,
  atMost,
  bothOf,
  cellsIn,
  emptyCell,
  learnable,
  nothing,
  olderOf,
  plus,
  recentOf,
  times,
  type Cell,
} from './remembered.ts';

// A message is worth its probability to be delivered, less five for a complaint: one complaint costs the sender more
// than five lost messages do. Numbers of messages, unless they say otherwise.
const complaintCost = 5;
/** The most that is remembered of a cell, and the most that what is older than a day counts for. */
const remembered = 4_000;
const rememberedOfPast = 300;
/** Each batch a fifth of the recent memory becomes older memory; it never spans much more than eight batches like the last. */
const recentKept = 0.8;
const recentBatches = 8;
const recentAtLeast = 30;
/** How likely it is, before looking, that an ESP changed overall, or at one provider, since the memory in question. */
const changes = { overall: 0.03, oneProvider: 0.03, inTheNews: 0.02 };
/** A change that is less likely than this is not thought about. */
const negligible = 0.002;
/** Opens among the delivered that are this many deviations below the others' are beyond doubt. */
const openDoubt = 4;
const mostForOpens = 0.003;
/** An ESP that answers keeps this share of each provider's mail: it is how a silent recovery is noticed. */
const floorShare = 0.005;

type Rules = ReturnType<typeof cellRules>;

// Mail that says nothing of its ESP for good (SMTP, or webhooks that nobody set up) must not keep it interesting.
const unheardIn = (before: EspMemory | undefined, news: Evidence, esp: string): number => {
  const told = Object.values(news[esp] ?? {});
  const isHeard =
    told.some(({ settled }) => settled > 0) ||
    Object.values(before?.cells ?? {}).some((cell) => bothOf(cell).settled > 0);
  return isHeard ? 0 : told.reduce((sum, { sent }) => sum + sent, before?.unheard ?? 0);
};

/** Takes in one piece of news. What a change has made worthless is forgotten; what is recent grows older. */
const learn = (
  rules: Rules,
  esps: readonly string[],
  providers: readonly string[],
  memory: Memory,
  news: Evidence,
): Memory => {
  const common = commonComplaints(memory);
  const fresh: Cell = (esp, provider) => learnable(news[esp]?.[provider] ?? noEvidence);
  const before = cellsIn(memory, bothOf);
  const rates = rules.typicalRates(before);
  const inTheNews = { overall: changes.inTheNews, oneProvider: changes.inTheNews };
  return Object.fromEntries(
    esps.map((esp): [string, EspMemory] => {
      const changed = rules.changeOf(esp, fresh, before, rates, inTheNews);
      const cells = providers.map((provider): [string, CellMemory] => {
        const old = memory[esp]?.cells[provider] ?? emptyCell;
        const now = fresh(esp, provider);
        const recent = afterChange(old.recent, changed(provider));
        const older = afterChange(old.older, changed(provider));
        const most = now.settled > 0 ? Math.max(recentAtLeast, recentBatches * now.settled) : Infinity;
        const stays = Math.min(recentKept, most / Math.max(1, recent.settled));
        return [
          provider,
          {
            recent: plus(times(recent, stays), now),
            older: atMost(plus(older, times(recent, 1 - stays)), remembered),
          },
        ];
      });
      const told = learnComplaints(memory[esp]?.complaints ?? noComplaints, complaintsIn(news, esp), common);
      return [esp, { cells: Object.fromEntries(cells), complaints: told, unheard: unheardIn(memory[esp], news, esp) }];
    }),
  );
};

const ofPast = (esps: readonly string[], past: Evidence): Memory =>
  Object.fromEntries(
    esps.map((esp) => {
      const cells = Object.entries(past[esp] ?? {}).map(([provider, one]): [string, CellMemory] => [
        provider,
        { recent: nothing, older: atMost(plus(nothing, learnable(one)), rememberedOfPast) },
      ]);
      const told = complaintsIn(past, esp);
      const kept = atMostRemembered(told);
      return [esp, { cells: Object.fromEntries(cells), complaints: kept, unheard: unheardIn(undefined, past, esp) }];
    }),
  );

/**
 * The default policy: each ESP's share of a mailbox provider's mail is the probability that it is the best one for it,
 * squared, and never less than a floor.
 *
 * What it believes of an ESP at a provider is the share of settled messages that were delivered, leaning on how the ESP
 * does overall, and that on there being no difference; less what complaints cost. It remembers recent and older mail
 * apart, and asks with every piece of news whether the ESP is still what it was: where it may have changed, the belief is
 * both possibilities with their probabilities, so that an ESP that seems to have recovered is tried again before it is
 * proven, and one that fell is left at once. `docs/routing.md` has the figures.
 */
export const adaptive: Policy = ({ esps, providers, past, news, memory }) => {
  const rules = cellRules(esps, providers);
  const learned = news.reduce(
    (known, piece) => learn(rules, esps, providers, known, piece),
    memory ?? ofPast(esps, past),
  );
  const recent = cellsIn(learned, recentOf);
  const both = cellsIn(learned, bothOf);
  const rates = rules.typicalRates(both);
  const older = cellsIn(learned, olderOf);
  const olderRates = rules.typicalRates(older);
  const common = commonComplaints(learned);

  const allOf = new Map(
    providers.map((provider) => [provider, esps.map((esp) => both(esp, provider)).reduce(plus, nothing)]),
  );
  /** What low opens tell: mail that lands in spam folders is delivered and not seen. Never more than a tie-breaker. */
  const opensTell = (esp: string, provider: string): number => {
    const own = both(esp, provider);
    const all = allOf.get(provider) ?? nothing;
    const others = { delivered: all.delivered - own.delivered, opened: all.opened - own.opened };
    if (own.delivered < 1 || others.delivered < 1) return 0;
    const usual = Math.min(1, others.opened / others.delivered);
    const deviation = Math.sqrt(usual * (1 - usual) * own.delivered * (1 + own.delivered / others.delivered));
    if (usual * own.delivered - own.opened <= openDoubt * deviation) return 0;
    return mostForOpens * (1 - own.opened / (usual * own.delivered));
  };

  const beliefs = new Map<string, Belief>();
  const scores: Record<string, Record<string, number>> = {};
  const kept: Record<string, EspMemory & { cells: Record<string, CellMemory> }> = {};
  for (const esp of esps) {
    const told = learned[esp]?.complaints ?? noComplaints;
    const complaining = complaintsOf(told, common);
    const unheard = learned[esp]?.unheard ?? 0;
    const row: (typeof kept)[string] = { cells: {}, complaints: told, unheard };
    kept[esp] = row;
    const changed = rules.changeOf(esp, recent, older, olderRates, changes);
    const known = { cell: both, lead: rules.leadOf(esp, both, rates) };
    const lately = { cell: recent, lead: rules.leadOf(esp, recent, rates) };
    const possibility = (weight: number, { cell, lead }: typeof known, provider: string) => {
      const one = cell(esp, provider);
      const usual = within((rates.get(provider) ?? typicalDelivered) + lead.by);
      const rate = within((one.delivered + cellLeansOnLead * usual) / (one.settled + cellLeansOnLead));
      const doubt =
        (rate * (1 - rate)) / (one.settled + lead.worth + unheard) + complaintCost ** 2 * complaining.variance;
      const mean = rate * (1 - complaintCost * complaining.rate) - opensTell(esp, provider);
      return { weight, mean, variance: doubt };
    };
    for (const provider of providers) {
      const probability = changed(provider);
      const belief =
        probability < negligible
          ? [possibility(1, known, provider)]
          : [possibility(1 - probability, known, provider), possibility(probability, lately, provider)];
      beliefs.set(`${esp}\n${provider}`, belief);
      (scores[provider] ??= {})[esp] = belief.reduce((sum, { weight, mean }) => sum + weight * mean, 0);
      const cell = learned[esp]?.cells[provider] ?? emptyCell;
      row.cells[provider] = { recent: cell.recent, older: afterChange(cell.older, probability) };
    }
  }
  return {
    shares: (provider, among) => {
      const chances = probabilityOfBest(among.map((esp) => beliefs.get(`${esp}\n${provider}`) ?? []));
      const squares = chances.map((chance) => chance ** 2);
      const score = (esp: string): number => scores[provider]?.[esp] ?? 0;
      // Who comes next when the best refuses goes by weight, so that even the smallest shares are in order.
      const floors = among.map((esp) => {
        const worse = among.filter((other) => score(other) < score(esp)).length;
        return floorShare * (1 + (0.2 * worse) / Math.max(1, among.length - 1));
      });
      // Whoever would have less gets the floor; the others share what that leaves, and may so fall to theirs.
      let held = new Set<number>();
      for (;;) {
        const left = Math.max(0, 1 - [...held].reduce((sum, at) => sum + (floors[at] ?? 0), 0));
        const rest = squares.reduce((sum, square, at) => sum + (held.has(at) ? 0 : square), 0);
        const share = (at: number): number =>
          held.has(at) ? (floors[at] ?? 0) : (left * (squares[at] ?? 0)) / Math.max(rest, Number.MIN_VALUE);
        const low = among.flatMap((_, at) => (!held.has(at) && share(at) < (floors[at] ?? 0) ? [at] : []));
        if (low.length === 0) return Object.fromEntries(among.map((esp, at) => [esp, share(at)]));
        held = new Set([...held, ...low]);
      }
    },
    scores,
    memory: kept,
  };
};

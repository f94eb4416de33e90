import { apportion, interleave } from '../../shared/domain/apportion.ts';
import { evidenceSince, noEvidence, type EspEvidence } from '../../shared/domain/evidence.ts';
import { weighEsps } from '../../shared/domain/weigh-esps.ts';
import type { Fate } from './draw-fate.ts';
import { seedEsps, type SeedEsp } from './esp-behaviour.ts';

export type EvidenceByEsp = Readonly<Record<SeedEsp, EspEvidence>>;

/** A weight decision of the invented history. */
export interface SeedDecision {
  readonly id: number;
  readonly accountId: string;
  readonly batchId: string;
  readonly window: '30d' | 'since-last-batch';
  readonly reason: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly evidence: EvidenceByEsp;
  readonly totals: EvidenceByEsp | null;
  readonly decidedMs: number;
  /** Positions taken by requests of one recipient. */
  counter: number;
}

/** The weights of every account over time, decided by the product's own rule from what became of its mail so far. */
export interface WeightsHistory {
  /** The decision that stands for mail without a batch; made anew when it is due and the weights have changed. */
  standing(accountId: string, atMs: number, away: ReadonlySet<string>): SeedDecision;
  forBatch(accountId: string, batchId: string, atMs: number, away: ReadonlySet<string>): SeedDecision;
  /** The ESP of a request of one recipient: the next position of the decision's cycle. */
  nextSingle(decision: SeedDecision): SeedEsp;
  learn(accountId: string, fate: Fate): void;
  /** All of them, in the order of their ids. */
  decisions(): readonly SeedDecision[];
}

/** The invented history tells no mailbox providers apart; its policy leaves both ESPs enough mail to look at. */
const everyProvider = 'other';
const everyMs = 4 * 3_600_000;
const isSeedEsp = (name: string): name is SeedEsp => seedEsps.some((esp) => esp === name);

/** The names of a split in their sequence. */
export const sequenceOf = (split: Readonly<Record<string, number>>): SeedEsp[] => interleave(split).filter(isSeedEsp);

const inWords = (away: ReadonlySet<string>): string =>
  away.size === 0 ? '' : ` Unhealthy, probes only: ${[...away].sort().join(', ')}.`;

/** Begins a history whose decisions are numbered from `firstId` upwards. */
export const createWeightsHistory = (firstId: number): WeightsHistory => {
  const made: SeedDecision[] = [];
  const latest = new Map<string, SeedDecision>();
  const checked = new Map<string, { readonly slot: number; readonly away: string }>();
  const cycles = new Map<string, { readonly decision: SeedDecision; readonly cycle: readonly SeedEsp[] }>();
  const known = new Map<string, Record<SeedEsp, EspEvidence>>();

  const totalsOf = (accountId: string): Record<SeedEsp, EspEvidence> => {
    const found = known.get(accountId) ?? { postmark: noEvidence, sendgrid: noEvidence };
    known.set(accountId, found);
    return found;
  };
  const weigh = (evidence: EvidenceByEsp, away: ReadonlySet<string>): Record<string, number> => {
    const news = Object.fromEntries(seedEsps.map((esp) => [esp, { [everyProvider]: evidence[esp] }]));
    const allowances = Object.fromEntries([...away].map((esp) => [esp, { kind: 'probe' as const }]));
    const input = { esps: seedEsps, providers: [everyProvider], past: {}, news: [news], seed: firstId };
    return { ...weighEsps('rates', input, allowances).weights[everyProvider] };
  };
  const keep = (decision: Omit<SeedDecision, 'id' | 'counter'>): SeedDecision => {
    const kept = { ...decision, id: firstId + made.length, counter: 0 };
    made.push(kept);
    latest.set(`${kept.accountId}\n${kept.batchId}`, kept);
    return kept;
  };

  return {
    standing: (accountId, atMs, away) => {
      const previous = latest.get(`${accountId}\n`);
      const now = { slot: Math.floor(atMs / everyMs), away: [...away].join() };
      const last = checked.get(accountId);
      if (previous !== undefined && last?.slot === now.slot && last.away === now.away) return previous;
      checked.set(accountId, now);
      const evidence = { ...totalsOf(accountId) };
      const weights = weigh(evidence, away);
      if (previous !== undefined && seedEsps.every((esp) => previous.weights[esp] === weights[esp])) return previous;
      const reason = `Outcomes of the last 30 days.${inWords(away)}`;
      return keep({ accountId, batchId: '', window: '30d', reason, weights, evidence, totals: null, decidedMs: atMs });
    },
    forBatch: (accountId, batchId, atMs, away) => {
      const totals = { ...totalsOf(accountId) };
      const before = latest.get(`${accountId}\n${batchId}`)?.totals;
      const evidence =
        before === undefined || before === null
          ? totals
          : {
              postmark: evidenceSince(totals.postmark, before.postmark),
              sendgrid: evidenceSince(totals.sendgrid, before.sendgrid),
            };
      const isFirst = evidence === totals;
      const told = isFirst ? 'First batch: outcomes of the last 30 days.' : 'Outcomes since the last batch.';
      return keep({
        accountId,
        batchId,
        window: isFirst ? '30d' : 'since-last-batch',
        reason: told + inWords(away),
        weights: weigh(evidence, away),
        evidence,
        totals,
        decidedMs: atMs,
      });
    },
    nextSingle: (decision) => {
      let kept = cycles.get(decision.accountId);
      if (kept?.decision !== decision) {
        kept = { decision, cycle: sequenceOf(apportion(1_000, decision.weights)) };
        cycles.set(decision.accountId, kept);
      }
      const esp = kept.cycle[decision.counter % kept.cycle.length];
      if (esp === undefined) throw new RangeError('the weights of a decision name no ESP');
      decision.counter += 1;
      return esp;
    },
    learn: (accountId, { esp, status, events, opens, clicks }) => {
      if (status === 'failed') return;
      const totals = totalsOf(accountId);
      const before = totals[esp];
      const has = (type: string): number => (events.some((event) => event.type === type) ? 1 : 0);
      totals[esp] = {
        sent: before.sent + 1,
        settled: before.settled + 1,
        delivered: before.delivered + has('delivered'),
        opened: before.opened + Math.min(1, opens),
        clicked: before.clicked + Math.min(1, clicks),
        bounced: before.bounced + has('bounced'),
        complained: before.complained + has('complained'),
        catchAll: 0,
      };
    },
    decisions: () => made,
  };
};

import { healthAfterRound, healthAt, newHealth, type EspHealth } from '../../shared/domain/esp-health.ts';
import { allowanceIn } from '../../shared/domain/allowances.ts';
import { evidenceBetween, type Evidence } from '../../shared/domain/evidence.ts';
import { planSplit } from '../../shared/domain/plan-split.ts';
import type { Memory, Policy } from '../../shared/domain/policies/policy.ts';
import { createRandom, type Random } from '../../shared/domain/random.ts';
import { averageWeights, weighEsps, type WeightPolicy } from '../../shared/domain/weigh-esps.ts';
import { byWeight, orderEsps, probedOnly } from '../../consumers/email-send/order-esps.ts';
import { createLedger, type Cohort } from './ledger.ts';
import { espsAt, type Rates, type Scenario } from './scenario.ts';

/** The line that a run prints (`contract` §7). */
export interface LabResult {
  readonly policy: string;
  readonly sent: number;
  readonly delivered: number;
  readonly complained: number;
  /** Delivered less five for every complaint. */
  readonly reward: number;
  /** The reward of one who sends every message through the ESP that works and is best for it at that time. */
  readonly oracle: number;
  readonly ratio: number;
  /** Minute and overall weights (1000 in all) of each batch. */
  readonly weights: readonly (readonly [number, Readonly<Record<string, number>>])[];
}

const complaintCost = 5;
/** The product's defaults. */
const roundSeconds = 5;
const thresholds = { healthyThreshold: 6, unhealthyThreshold: 2 };

interface Fate {
  readonly isDelivered: boolean;
  readonly isBounced: boolean;
  readonly isOpened: boolean;
  readonly isComplaint: boolean;
}

const nothing: Rates = { delivered: 0, bounced: 0, complained: 0, opened: 0 };

/**
 * What would become of one message, by the ESP that takes it. Drawn once: through another ESP the same dice meet that
 * ESP's rates, so that policies (and the oracle) differ by their choices and not by their luck.
 */
const drawFate = (random: Random): ((rates: Rates) => Fate) => {
  const fate = random.next();
  const anger = random.next();
  const interest = random.next();
  return (rates) => {
    const isDelivered = fate < rates.delivered;
    return {
      isDelivered,
      isBounced: !isDelivered && fate < rates.delivered + rates.bounced,
      // Shares of what was accepted, of which only the delivered can have it.
      isOpened: isDelivered && interest * rates.delivered < rates.opened,
      isComplaint: isDelivered && anger * rates.delivered < rates.complained,
    };
  };
};

const rewardOf = ({ isDelivered, isComplaint }: Fate): number =>
  (isDelivered ? 1 : 0) - (isComplaint ? complaintCost : 0);

const worth = ({ delivered, complained }: Rates): number => delivered - complaintCost * complained;

/** Each recipient's mailbox provider, drawn by the given shares. */
const drawRecipients = (scenario: Scenario, random: Random): Record<string, number> => {
  const shares = Object.entries(scenario.mailboxProviders).filter(([, share]) => share > 0);
  const all = shares.reduce((sum, [, share]) => sum + share, 0);
  const recipients: Record<string, number> = Object.fromEntries(shares.map(([provider]) => [provider, 0]));
  for (let n = 0; n < scenario.batchSize; n += 1) {
    let at = random.next() * all;
    const found = shares.find(([, share]) => (at -= share) < 0) ?? shares.at(-1);
    if (found !== undefined) recipients[found[0]] = (recipients[found[0]] ?? 0) + 1;
  }
  return recipients;
};

/** Runs a policy through a scenario in simulated time, with the product's own weighting, health and splitting. */
export const simulate = (scenario: Scenario, policy: WeightPolicy | Policy, seed: number): LabResult => {
  const random = createRandom(seed);
  const esps = Object.keys(scenario.esps).sort();
  const providers = Object.keys(scenario.mailboxProviders);
  const ledger = createLedger(scenario.eventDelayMinutes * 60_000);
  const healthOf = new Map<string, EspHealth>();
  const sum = { sent: 0, delivered: 0, complained: 0, oracle: 0 };
  const history: [number, Record<string, number>][] = [];
  let memory: Memory | undefined;
  let before: Evidence = {};

  for (let batch = 0; batch < scenario.batches; batch += 1) {
    const minute = batch * scenario.intervalMinutes;
    const nowMs = minute * 60_000;
    const round = Math.floor(nowMs / 1_000 / roundSeconds);
    const now = espsAt(scenario, batch);
    const isOut = (esp: string): boolean => now[esp]?.isOut !== false;
    const ratesOf = (esp: string, provider: string): Rates => now[esp]?.ratesFor(provider) ?? nothing;

    // Decide.
    const totals = ledger.totalsAt(nowMs);
    const allowances = Object.fromEntries(
      esps.map((esp) => [esp, allowanceIn({ health: healthOf.get(esp) }, round, thresholds)]),
    );
    const news = [evidenceBetween(totals, before)];
    const input = { esps, providers, past: {}, news, memory, seed: seed * 100_003 + batch };
    const weighed = weighEsps(policy, input, allowances);
    memory = weighed.memory;
    before = totals;

    // Split.
    const recipients = drawRecipients(scenario, random);
    const weights = averageWeights(weighed.weights, recipients);
    const plan = planSplit(recipients, weighed.weights, weights);
    history.push([minute, weights]);
    let probes = probedOnly(esps, allowances);

    // Send.
    const answers = new Map(esps.map((esp) => [esp, { good: 0, bad: 0 }]));
    const cohorts = new Map<string, Cohort>();
    const orders = new Map<string, readonly string[]>();
    for (const provider of providers) {
      const best = esps
        .filter((esp) => !isOut(esp))
        .sort((a, b) => worth(ratesOf(b, provider)) - worth(ratesOf(a, provider)))[0];
      const send = (planned: string, probed: string | undefined): void => {
        const fate = drawFate(random);
        sum.sent += 1;
        if (best !== undefined) sum.oracle += rewardOf(fate(ratesOf(best, provider)));
        // Those that the product would leave out come last: what waits there for them is not lost either.
        const candidates = orders.get(planned) ?? [
          ...new Set([...orderEsps(planned, weights, allowances).candidates, ...byWeight(weights)]),
        ];
        orders.set(planned, candidates);
        const asked = probed === undefined ? candidates : [probed, ...candidates.filter((esp) => esp !== probed)];
        const taker = asked.find((esp) => {
          const counts = answers.get(esp);
          if (counts !== undefined) counts[isOut(esp) ? 'bad' : 'good'] += 1;
          return !isOut(esp);
        });
        if (taker === undefined) return;
        const outcome = fate(ratesOf(taker, provider));
        const key = `${taker}\n${provider}`;
        const none = { sent: 0, delivered: 0, bounced: 0, opened: 0, complained: 0 };
        const cohort = cohorts.get(key) ?? { esp: taker, provider, atMs: nowMs, ...none };
        cohorts.set(key, cohort);
        cohort.sent += 1;
        cohort.delivered += Number(outcome.isDelivered);
        cohort.bounced += Number(outcome.isBounced);
        cohort.opened += Number(outcome.isOpened);
        cohort.complained += Number(outcome.isComplaint);
        sum.delivered += Number(outcome.isDelivered);
        sum.complained += Number(outcome.isComplaint);
      };
      for (const [esp, count] of Object.entries(plan[provider] ?? {})) {
        for (let n = 0; n < count; n += 1) {
          send(esp, probes[0]);
          probes = probes.slice(1);
        }
      }
    }
    ledger.add([...cohorts.values()]);

    // Judge.
    for (const [esp, { good, bad }] of answers) {
      const health = healthAt(healthOf.get(esp) ?? newHealth, round, thresholds);
      healthOf.set(esp, healthAfterRound(health, { round, good, bad, fatal: 0 }, thresholds));
    }
  }
  const reward = sum.delivered - complaintCost * sum.complained;
  const ratio = sum.oracle === 0 ? 0 : Number((reward / sum.oracle).toFixed(6));
  const name = typeof policy === 'string' ? policy : policy.name;
  const { sent, delivered, complained, oracle } = sum;
  return { policy: name, sent, delivered, complained, reward, oracle, ratio, weights: history };
};

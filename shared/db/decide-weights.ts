import { allowanceInWords, allowanceIn, type EspState } from '../domain/allowances.ts';
import {
  evidenceBetween,
  mailMix,
  mergeEvidence,
  noEvidence,
  ofAllProviders,
  type Evidence,
} from '../domain/evidence.ts';
import type { HealthThresholds } from '../domain/esp-health.ts';
import { explainWeights } from '../domain/explain-weights.ts';
import { mailboxProviders } from '../domain/mailbox-provider.ts';
import { averageWeights, weighEsps, type WeightPolicy } from '../domain/weigh-esps.ts';
import type { Database } from './connect.ts';
import { loadEspStates, type EspStates } from './esp-states.ts';
import { loadDelays } from './outcome-delays.ts';
import { loadEvidence, type AccountEvidence } from './statistics.ts';
import { insertDecision, latestDecision, type Decision, type NewDecision } from './weight-decisions.ts';

export interface WeighSettings {
  readonly policy: WeightPolicy;
  /** Names of the ESPs that are configured now. */
  readonly esps: readonly string[];
  readonly roundSeconds: number;
  readonly thresholds: HealthThresholds;
}

/** The settings that a process's environment makes of it. */
export const weighSettings = (
  env: {
    readonly WEIGHT_POLICY: WeightPolicy;
    readonly HEALTH_ROUND_SECONDS: number;
    readonly HEALTHY_THRESHOLD: number;
    readonly UNHEALTHY_THRESHOLD: number;
  },
  esps: readonly string[],
): WeighSettings => ({
  policy: env.WEIGHT_POLICY,
  esps,
  roundSeconds: env.HEALTH_ROUND_SECONDS,
  thresholds: { healthyThreshold: env.HEALTHY_THRESHOLD, unhealthyThreshold: env.UNHEALTHY_THRESHOLD },
});

/** Recipients by mailbox provider, which weights are averaged over. */
type Mix = Readonly<Record<string, number>>;

/** A 32-bit seed out of a text (FNV-1a), for policies that throw dice: the same decision, the same dice. */
const seedOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
};

/** The round that is running, and what is known of each ESP in it. */
type States = { readonly round: number; readonly byEsp: Readonly<Record<string, EspState>> };

/** All that a decision goes by, of one account and one moment. */
export interface Situation {
  readonly evidence: AccountEvidence;
  /** How many days of it count as the past. */
  readonly days: number;
  readonly states: States;
}

const standingDays = 30;

export const loadSituation = async (
  db: Database,
  accountId: string,
  settings: Pick<WeighSettings, 'roundSeconds'>,
  days = standingDays,
): Promise<Situation & { readonly states: EspStates }> => {
  const evidence = await loadEvidence(db, accountId, await loadDelays(db), days);
  return { evidence, days, states: await loadEspStates(db, settings.roundSeconds) };
};

interface Window {
  readonly name: NewDecision['window'];
  readonly days?: number;
  readonly past: Evidence;
  readonly news: readonly Evidence[];
  readonly memory: NewDecision['basis']['memory'];
}

const lastDays = ({ evidence, days }: Situation): Window => ({
  name: '30d',
  days,
  past: evidence.past,
  news: evidence.hours,
  memory: undefined,
});

const decide = (
  who: { readonly accountId: string; readonly batchId: string },
  settings: WeighSettings,
  window: Window,
  mix: Mix,
  states: States,
  seed: number,
): Omit<NewDecision, 'totals'> => {
  const { esps, policy } = settings;
  const allowances = Object.fromEntries(
    esps.map((esp) => [esp, allowanceIn(states.byEsp[esp] ?? {}, states.round, settings.thresholds)]),
  );
  const { past, news, memory } = window;
  const weighed = weighEsps(policy, { esps, providers: mailboxProviders, past, news, memory, seed }, allowances);
  const cells = news.reduce(mergeEvidence, past);
  const weights = averageWeights(weighed.weights, mix);
  return {
    ...who,
    window: window.name,
    policy,
    reason: explainWeights({
      ...{ window: window.name, days: window.days, policy, weights, scores: weighed.scores, mix, allowances, cells },
      operated: esps.filter((esp) => (states.byEsp[esp]?.mode ?? 'active') !== 'active'),
    }),
    weights,
    providerWeights: weighed.weights,
    evidence: Object.fromEntries(
      esps.map((esp) => [esp, cells[esp] === undefined ? noEvidence : ofAllProviders(cells[esp])]),
    ),
    basis: {
      cells,
      scores: weighed.scores,
      allowances: Object.fromEntries(
        esps.map((esp) => [esp, allowanceInWords(allowances[esp] ?? { kind: 'any' }, states.byEsp[esp] ?? {})]),
      ),
      memory: weighed.memory,
    },
  };
};

// A change of half a percent is worth a row of history at once; a smaller one once a minute.
const notableChange = 5;
const minuteMs = 60_000;

const withoutFigures = (words: string): string => words.replaceAll(/[\d.]+/g, '');

const isWorthWriting = (previous: Decision, next: Omit<NewDecision, 'totals'>): boolean => {
  if (previous.policy !== next.policy) return true;
  const names = new Set([...Object.keys(previous.weights), ...Object.keys(next.weights)]);
  const isOther = (a: number | undefined, b: number | undefined, by: number): boolean =>
    (a === undefined) !== (b === undefined) || Math.abs((a ?? 0) - (b ?? 0)) >= by;
  const differs = (by: number): boolean =>
    [...names].some((esp) => isOther(previous.weights[esp], next.weights[esp], by)) ||
    Object.entries(next.providerWeights).some(([provider, weights]) =>
      Object.entries(weights).some(([esp, weight]) => isOther(previous.providerWeights[provider]?.[esp], weight, by)),
    );
  const isAllowedOther = Object.entries(next.basis.allowances).some(
    // Their figures drift all the time (budgets); what they come to shows in the weights.
    ([esp, words]) => withoutFigures(previous.basis.allowances[esp] ?? '') !== withoutFigures(words),
  );
  const isOld = Date.now() - previous.decidedAt.getTime() > minuteMs;
  return isAllowedOther || differs(notableChange) || (isOld && differs(1));
};

/** The standing decision that a situation calls for. Nothing is stored. */
export const draftStanding = (accountId: string, settings: WeighSettings, situation: Situation): NewDecision => {
  const window = lastDays(situation);
  const mix = mailMix(window.news.reduce(mergeEvidence, window.past));
  const who = { accountId, batchId: '' };
  return { ...decide(who, settings, window, mix, situation.states, seedOf(accountId)), totals: null };
};

/**
 * The standing decision of an account, for requests without a batch and for first batches: weights from the outcomes of
 * the last 30 days. Written anew only when the weights or what ESPs are allowed have changed, so that its rows are the
 * history of the weights.
 */
export const decideStanding = async (db: Database, accountId: string, settings: WeighSettings): Promise<Decision> => {
  const next = draftStanding(accountId, settings, await loadSituation(db, accountId, settings));
  const previous = await latestDecision(db, accountId, '');
  return previous !== undefined && !isWorthWriting(previous, next) ? previous : insertDecision(db, next);
};

/**
 * The decision for a request of a batch. The first of a batch id reads the last 30 days; a later one what became known
 * of all the account's mail since the one before was decided, on top of what its policy remembers. Keeps the running
 * totals for the next. `mix`: the request's own recipients.
 */
export const decideBatch = async (
  db: Database,
  accountId: string,
  batchId: string,
  settings: WeighSettings,
  mix: Mix,
): Promise<Decision> => {
  const previous = await latestDecision(db, accountId, batchId);
  const situation = await loadSituation(db, accountId, settings);
  const { evidence, states } = situation;
  const before = previous?.totals ?? undefined;
  const window: Window =
    before === undefined
      ? lastDays(situation)
      : {
          name: 'since-last-batch',
          past: {},
          news: [evidenceBetween(evidence.totals, before)],
          // What another policy kept means nothing to this one.
          memory: previous?.policy === settings.policy ? previous.basis.memory : undefined,
        };
  const seed = seedOf(`${accountId}\n${batchId}\n${previous?.id ?? 0}`);
  const next = decide({ accountId, batchId }, settings, window, mix, states, seed);
  return insertDecision(db, { ...next, totals: evidence.totals });
};

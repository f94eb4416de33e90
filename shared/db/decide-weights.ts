import { evidenceSince, noEvidence, weighEsps, type EspEvidence, type WeightPolicy } from '../domain/weigh-esps.ts';
import type { Database } from './connect.ts';
import { loadHealth } from './esp-health.ts';
import { evidenceOf30Days, runningTotals } from './statistics.ts';
import { insertDecision, latestDecision, type Decision, type EvidenceByEsp } from './weight-decisions.ts';

export interface WeighSettings {
  readonly policy: WeightPolicy;
  /** Names of the ESPs that are configured now. */
  readonly esps: readonly string[];
}

const ofConfigured = (evidence: EvidenceByEsp, esps: readonly string[]): Record<string, EspEvidence> =>
  Object.fromEntries(esps.map((esp) => [esp, evidence[esp] ?? noEvidence]));

const sickEsps = async (db: Database): Promise<ReadonlySet<string>> =>
  new Set(
    [...(await loadHealth(db)).values()].filter((health) => health.state === 'unhealthy').map((health) => health.esp),
  );

const weigh = (settings: WeighSettings, evidence: Record<string, EspEvidence>, sick: ReadonlySet<string>) =>
  Object.fromEntries(weighEsps(settings.policy, evidence, sick).map((row) => [row.esp, row.weight]));

const sameWeights = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean => {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
};

const inWords = (sick: ReadonlySet<string>): string =>
  sick.size === 0 ? '' : ` Unhealthy and nearly without mail: ${[...sick].sort().join(', ')}.`;

/**
 * The standing decision of an account, for requests without a batch and for first batches: weights from the outcomes of
 * the last 30 days. Written anew only when the weights or the configured ESPs have changed, so that its rows are the
 * history of the weights.
 */
export const decideStanding = async (db: Database, accountId: string, settings: WeighSettings): Promise<Decision> => {
  const evidence = ofConfigured(await evidenceOf30Days(db, accountId), settings.esps);
  const sick = await sickEsps(db);
  const weights = weigh(settings, evidence, sick);
  const previous = await latestDecision(db, accountId, '');
  if (previous !== undefined && previous.policy === settings.policy && sameWeights(previous.weights, weights))
    return previous;
  return insertDecision(db, {
    accountId,
    batchId: '',
    window: '30d',
    policy: settings.policy,
    reason: `Outcomes of the last 30 days.${inWords(sick)}`,
    weights,
    evidence,
    totals: null,
  });
};

/**
 * The decision for a request of a batch. The first of a batch id reads the last 30 days; a later one what became known
 * of all the account's mail since the one before was decided. Keeps the running totals for the next.
 */
export const decideBatch = async (
  db: Database,
  accountId: string,
  batchId: string,
  settings: WeighSettings,
): Promise<Decision> => {
  const previous = await latestDecision(db, accountId, batchId);
  const totals = ofConfigured(await runningTotals(db, accountId), settings.esps);
  const isLater = previous?.totals !== undefined && previous.totals !== null;
  const before = previous?.totals ?? {};
  const evidence = isLater
    ? Object.fromEntries(
        settings.esps.map((esp) => [esp, evidenceSince(totals[esp] ?? noEvidence, before[esp] ?? noEvidence)]),
      )
    : ofConfigured(await evidenceOf30Days(db, accountId), settings.esps);
  const sick = await sickEsps(db);
  return insertDecision(db, {
    accountId,
    batchId,
    window: isLater ? 'since-last-batch' : '30d',
    policy: settings.policy,
    reason: `${isLater ? 'Outcomes since the last batch.' : 'First batch: outcomes of the last 30 days.'}${inWords(sick)}`,
    weights: weigh(settings, evidence, sick),
    evidence,
    totals,
  });
};

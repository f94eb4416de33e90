// In:  good and bad answers per ESP and round, statistics by minute, ramp plans, complaints by sender.
// Out: health of each ESP (this process alone writes it), a standing decision per account when its weights change, the
//      next steps of ramp plans.
// On a second copy: rounds are judged once (the row's last round guards it), equal weights are not written again.
import type { Pool } from '../../shared/db/connect.ts';
import { decideStanding, type WeighSettings } from '../../shared/db/decide-weights.ts';
import { changeControls } from '../../shared/db/esp-controls.ts';
import { closedRounds, storeHealth, type StoredHealth } from '../../shared/db/esp-health.ts';
import { loadEspStates } from '../../shared/db/esp-states.ts';
import { purgeCohorts } from '../../shared/db/statistics.ts';
import { accountsWithEvidence, type Decision } from '../../shared/db/weight-decisions.ts';
import { healthAfterRound, newHealth } from '../../shared/domain/esp-health.ts';
import { isGrowing, stepRamp, type Ramp } from '../../shared/domain/ramp.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';
import { rampSigns } from './ramp-signs.ts';
import { complaintWatch } from './ticker-complaints.ts';

export interface EspWeightsDeps {
  readonly pool: Pool;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly weighing: WeighSettings;
}

const adminAccount = 'admin';

/** Judges the rounds that have ended by Postgres's clock, and weighs anew at once when an ESP's state has changed. */
export const healthTicker = (
  { pool, log, metrics, weighing }: EspWeightsDeps,
  reweigh: () => Promise<void>,
): Ticker => {
  const sick = metrics.gauge('esp_unhealthy', '1 while an ESP is unhealthy.', ['esp']);
  return {
    name: 'health-rounds',
    everyMs: 1_000,
    tick: async () => {
      const rounds = await closedRounds(pool, weighing.roundSeconds);
      if (rounds.length === 0) return false;
      const { byEsp } = await loadEspStates(pool, weighing.roundSeconds);
      const healthOf = new Map<string, Omit<StoredHealth, 'updatedAt'> | undefined>(
        Object.entries(byEsp).map(([esp, { health }]) => [esp, health]),
      );
      let hasChanged = false;
      for (const round of rounds) {
        const before = healthOf.get(round.esp);
        const after = healthAfterRound(before ?? newHealth, round, weighing.thresholds);
        if (after.state !== (before?.state ?? 'healthy')) {
          log.warn(
            { esp: round.esp, state: after.state, lastError: round.lastError },
            'the health of an ESP has changed',
          );
        }
        // The first bad round already takes mail away, so it too is told at once.
        hasChanged ||=
          after.state !== (before?.state ?? 'healthy') || after.badRounds > 0 !== (before?.badRounds ?? 0) > 0;
        const stored = {
          ...after,
          esp: round.esp,
          lastRound: round.round,
          lastError: round.lastError ?? before?.lastError ?? null,
        };
        await storeHealth(pool, stored);
        sick(after.state === 'unhealthy' ? 1 : 0, { esp: round.esp });
        healthOf.set(round.esp, stored);
      }
      if (hasChanged) await reweigh();
      return false;
    },
  };
};

/** Weighs the ESPs of every account anew. */
export const weigher = ({ pool, metrics, weighing }: EspWeightsDeps): (() => Promise<void>) => {
  const gauge = metrics.gauge('esp_weight', 'Weight of an ESP, of 1000, for mail without a batch.', ['esp']);
  return async () => {
    const accounts = new Set([adminAccount, ...(await accountsWithEvidence(pool))]);
    for (const accountId of accounts) {
      const decision = await pool.transaction((db) => decideStanding(db, accountId, weighing));
      if (accountId !== adminAccount) continue;
      for (const [esp, weight] of Object.entries(decision.weights)) gauge(weight, { esp });
    }
  };
};

export const weightsTicker = (reweigh: () => Promise<void>): Ticker => ({
  name: 'weights',
  everyMs: 5_000,
  tick: async () => {
    await reweigh();
    return false;
  },
});

/**
 * Moves ramp plans on by a day where nothing speaks against it, looks for senders that are complained about, and forgets
 * counts that nobody asks for any more.
 */
export const plansTicker = ({ pool, log, metrics, weighing }: EspWeightsDeps): Ticker => {
  const watchComplaints = complaintWatch({ pool, log, metrics });
  return {
    name: 'ramp-plans',
    everyMs: 60_000,
    tick: async () => {
      await purgeCohorts(pool);
      await watchComplaints();
      const { byEsp, now } = await loadEspStates(pool, weighing.roundSeconds);
      const ramps = Object.entries(byEsp).filter(([, { controls }]) => isGrowing(controls.ramp, now));
      if (ramps.length === 0) return false;
      const standing: Decision = await pool.transaction((db) => decideStanding(db, adminAccount, weighing));
      for (const [esp, { controls, health }] of ramps) {
        const signs = rampSigns(esp, health, standing);
        const step = (ramp: Ramp | null): Ramp | undefined => (ramp === null ? undefined : stepRamp(ramp, now, signs));
        const next = step(controls.ramp);
        if (next === undefined) continue;
        if (next.held !== undefined) log.warn({ esp, why: next.held }, 'the ramp plan of an ESP is held');
        const action = next.held === undefined ? 'ramp-step' : 'ramp-held';
        const reason = next.held ?? `it may have ${next.percent} % of all mail now`;
        await changeControls(pool, esp, { action, accountId: 'esp-weights', reason }, (before) => {
          // An operator may have ended or changed the plan meanwhile, or a second copy of this process have made the step.
          const ramp = step(before.ramp);
          return ramp === undefined ? undefined : { ...before, ramp };
        });
      }
      return false;
    },
  };
};

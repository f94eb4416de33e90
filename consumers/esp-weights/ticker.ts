// In:  good and bad calls per ESP and round, statistics by minute.
// Out: health of each ESP (this process alone writes it), and a standing decision per account when its weights change.
// On a second copy: rounds are judged once (the row's last round guards it), equal weights are not written again.
import type { Pool } from '../../shared/db/connect.ts';
import { decideStanding, type WeighSettings } from '../../shared/db/decide-weights.ts';
import { closedRounds, loadHealth, storeHealth } from '../../shared/db/esp-health.ts';
import { accountsWithEvidence } from '../../shared/db/weight-decisions.ts';
import { healthAfterRound, newHealth } from '../../shared/domain/judge-health.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

export interface EspWeightsDeps {
  readonly pool: Pool;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly weighing: WeighSettings;
  readonly roundSeconds: number;
  readonly thresholds: { readonly healthyThreshold: number; readonly unhealthyThreshold: number };
}

const adminAccount = 'admin';

/** Judges the rounds that have ended by Postgres's clock. */
export const healthTicker = ({ pool, log, roundSeconds, thresholds }: EspWeightsDeps): Ticker => ({
  name: 'health-rounds',
  everyMs: 1_000,
  tick: async () => {
    const rounds = await closedRounds(pool, roundSeconds);
    if (rounds.length === 0) return false;
    const healthOf = new Map(await loadHealth(pool));
    for (const round of rounds) {
      const before = healthOf.get(round.esp);
      const after = healthAfterRound(before ?? newHealth, round, thresholds);
      if (after.state !== (before?.state ?? 'healthy')) {
        log.warn(
          { esp: round.esp, state: after.state, lastError: round.lastError },
          'the health of an ESP has changed',
        );
      }
      const stored = {
        ...after,
        esp: round.esp,
        lastRound: round.round,
        lastError: round.lastError ?? before?.lastError ?? null,
      };
      await storeHealth(pool, stored);
      healthOf.set(round.esp, { ...stored, updatedAt: new Date() });
    }
    return false;
  },
});

/** Weighs the ESPs of every account anew. */
export const weightsTicker = ({ pool, metrics, weighing }: EspWeightsDeps): Ticker => {
  const gauge = metrics.gauge('esp_weight', 'Weight of an ESP, of 1000, for mail without a batch.', ['esp']);
  return {
    name: 'weights',
    everyMs: 5_000,
    tick: async () => {
      const accounts = new Set([adminAccount, ...(await accountsWithEvidence(pool))]);
      for (const accountId of accounts) {
        const decision = await pool.transaction((db) => decideStanding(db, accountId, weighing));
        if (accountId !== adminAccount) continue;
        for (const [esp, weight] of Object.entries(decision.weights)) gauge(weight, { esp });
      }
      return false;
    },
  };
};

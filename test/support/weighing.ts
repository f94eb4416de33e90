import type { WeighSettings } from '../../shared/db/decide-weights.ts';
import type { WeightPolicy } from '../../shared/domain/weigh-esps.ts';

/** Settings of a fleet with the usual rounds and thresholds. */
export const weighingOf = (policy: WeightPolicy, esps: readonly string[], roundSeconds = 5): WeighSettings => ({
  policy,
  esps,
  roundSeconds,
  thresholds: { healthyThreshold: 6, unhealthyThreshold: 2 },
});

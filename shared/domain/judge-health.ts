/** An ESP's health: thresholds of consecutive rounds, as in the failover seed, for any number of ESPs. */
export interface EspHealth {
  readonly state: 'healthy' | 'unhealthy';
  /** Good (or bad) rounds in a row up to now. */
  readonly goodRounds: number;
  readonly badRounds: number;
}

export const newHealth: EspHealth = { state: 'healthy', goodRounds: 0, badRounds: 0 };

/**
 * The health after a round with so many good and bad calls. Any bad call makes the round bad, as in the seed; a round
 * without calls says nothing. A sick ESP is well again after `healthyThreshold` good rounds in a row, a well one sick
 * after `unhealthyThreshold` bad ones - or at once after a fatal call, which no later call can mend.
 */
export const healthAfterRound = (
  health: EspHealth,
  round: { readonly good: number; readonly bad: number; readonly fatal?: number },
  thresholds: { readonly healthyThreshold: number; readonly unhealthyThreshold: number },
): EspHealth => {
  if (round.good + round.bad === 0) return health;
  const isBad = round.bad > 0;
  const goodRounds = isBad ? 0 : health.goodRounds + 1;
  const badRounds = isBad ? health.badRounds + 1 : 0;
  if (health.state === 'healthy' && (badRounds >= thresholds.unhealthyThreshold || (round.fatal ?? 0) > 0)) {
    return { state: 'unhealthy', goodRounds, badRounds };
  }
  if (health.state === 'unhealthy' && goodRounds >= thresholds.healthyThreshold) {
    return { state: 'healthy', goodRounds, badRounds };
  }
  return { state: health.state, goodRounds, badRounds };
};

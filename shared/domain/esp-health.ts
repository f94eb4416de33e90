/**
 * An ESP's health: whether it takes what it is handed. What becomes of the mail afterwards is quality, and none of this
 * file's business: an outage never makes an ESP worse, it only takes its mail away until it is over.
 *
 * The rule is the failover seed's - thresholds of consecutive good and bad rounds - for any number of ESPs, and for the
 * whole fleet. A round is a stretch of HEALTH_ROUND_SECONDS by Postgres's clock; in it all senders add up the answers
 * that spoke for and against the ESP.
 */
export interface EspHealth {
  readonly state: 'healthy' | 'unhealthy';
  /** Good (or bad) rounds in a row up to now. */
  readonly goodRounds: number;
  readonly badRounds: number;
  /** The last round with answers. */
  readonly lastRound?: number | undefined;
  /** How often it fell ill lately; grows with every fall, and is forgotten after `tripMemoryRounds` without one. */
  readonly trips: number;
  /** The round in which it last fell ill or got well; undefined while it never did. */
  readonly changedRound?: number | undefined;
}

export const newHealth: EspHealth = { state: 'healthy', goodRounds: 0, badRounds: 0, trips: 0 };

/** What the senders counted in one round: answers that speak for the ESP, against it, and those no later call can mend. */
export interface RoundAnswers {
  readonly round: number;
  readonly good: number;
  readonly bad: number;
  readonly fatal: number;
}

export interface HealthThresholds {
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** Above this share of bad answers a round is bad. A large fleet meets a lost connection in every round. */
const badShare = 0.1;
/** An hour of rounds of 5 s. */
const tripMemoryRounds = 720;

/** Good rounds in a row up to a round: quiet ones after a good one are good too, since its last answer still stands. */
const goodRoundsBefore = (health: EspHealth, round: number): number =>
  health.goodRounds === 0 ? 0 : health.goodRounds + Math.max(0, round - (health.lastRound ?? round) - 1);

/**
 * The health at the beginning of a round, with the quiet rounds before it counted: a sick ESP whose probe went well is
 * well after `healthyThreshold` rounds without a bad answer, whether or not there was mail to ask it with again.
 */
export const healthAt = (health: EspHealth, round: number, thresholds: HealthThresholds): EspHealth => {
  if (health.state === 'healthy' || goodRoundsBefore(health, round) < thresholds.healthyThreshold) return health;
  const changedRound = (health.lastRound ?? round) + thresholds.healthyThreshold - health.goodRounds;
  return { ...health, state: 'healthy', changedRound };
};

/**
 * The health after a round. A round without answers after a bad one says nothing. A sick ESP is well again after
 * `healthyThreshold` good rounds in a row, a well one sick after `unhealthyThreshold` bad ones - or at once after a
 * fatal answer (refused credentials, a suspended account).
 */
export const healthAfterRound = (before: EspHealth, answers: RoundAnswers, thresholds: HealthThresholds): EspHealth => {
  const { round, good, bad, fatal } = answers;
  if (good + bad === 0) return before;
  const health = healthAt(before, round, thresholds);
  const isBad = bad > badShare * (good + bad) || fatal > 0;
  const counted = {
    ...health,
    lastRound: round,
    goodRounds: isBad ? 0 : goodRoundsBefore(health, round) + 1,
    badRounds: isBad ? health.badRounds + 1 : 0,
  };
  if (health.state === 'healthy' && (counted.badRounds >= thresholds.unhealthyThreshold || fatal > 0)) {
    const isForgotten = round - (health.changedRound ?? -Infinity) > tripMemoryRounds;
    return { ...counted, state: 'unhealthy', trips: isForgotten ? 1 : health.trips + 1, changedRound: round };
  }
  if (health.state === 'unhealthy' && counted.goodRounds >= thresholds.healthyThreshold) {
    return { ...counted, state: 'healthy', changedRound: round };
  }
  return counted;
};

/**
 * How much of the mail an ESP may have: any share, at most a share, one message a round for the whole fleet (to see
 * whether it is well again), nothing but what was planned for it before, or nothing.
 */
export type Allowance =
  | { readonly kind: 'any' }
  | { readonly kind: 'share'; readonly most: number }
  /** `isAnswering`: its last round was good, so that it is better than nobody. */
  | { readonly kind: 'probe'; readonly isAnswering?: true }
  | { readonly kind: 'drain' }
  | { readonly kind: 'none' };

const firstShare = 0.05;
const fewestTripsToSlow = 2;

/**
 * What an ESP may have in a round. After its first bad round at most 5 %, sick nothing but probes, and well again 5 % that
 * doubles every round - every second one after two trips in an hour, every third after three, so that an ESP that keeps
 * falling gets its mail back more slowly each time.
 */
export const allowanceOf = (health: EspHealth, round: number): Allowance => {
  if (health.state === 'unhealthy') {
    return health.goodRounds > 0 ? { kind: 'probe', isAnswering: true } : { kind: 'probe' };
  }
  if (health.badRounds > 0) return { kind: 'share', most: firstShare };
  if (health.changedRound === undefined) return { kind: 'any' };
  const roundsPerDoubling = Math.max(1, health.trips - fewestTripsToSlow + 2);
  const most = firstShare * 2 ** Math.floor(Math.max(0, round - health.changedRound - 1) / roundsPerDoubling);
  return most >= 1 ? { kind: 'any' } : { kind: 'share', most };
};

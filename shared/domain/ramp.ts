/** The ramp plan of a new ESP: its share of all mail grows by so many percent a day, while nothing speaks against it. */
export interface Ramp {
  readonly percentPerDay: number;
  /** What it may have now, 0 … 100. */
  readonly percent: number;
  /** ISO 8601: when `percent` last grew, or was held back. */
  readonly steppedAt: string;
  /** Why it did not grow when it last might have. */
  readonly held?: string | undefined;
}

const dayMs = 86_400_000;

/** The most of all mail that the plan allows, 0 … 1. */
export const rampShare = ({ percent }: Ramp): number => Math.min(1, Math.max(0, percent / 100));

export const newRamp = (percentPerDay: number, now: Date): Ramp => ({
  percentPerDay,
  percent: percentPerDay,
  steppedAt: now.toISOString(),
});

/** Whether a plan is to be asked for its next step: not one that is done, nor one whose day is not over. */
export const isGrowing = (ramp: Ramp | null, now: Date): boolean =>
  ramp !== null && ramp.percent < 100 && now.getTime() - new Date(ramp.steppedAt).getTime() >= dayMs;

/** What speaks for or against letting an ESP have more. */
export interface RampSigns {
  readonly isHealthy: boolean;
  /** How the ESP does and how the others do, in scores of `adaptive`; undefined without evidence. */
  readonly score?: number | undefined;
  readonly usual?: number | undefined;
  /** Complaints among its delivered mail. */
  readonly complaintRate: number;
}

const tolerableLag = 0.02;
const tolerableComplaints = 0.001;

/**
 * The plan a day later: a step up, or held with the reason when the ESP is unhealthy, does clearly worse than the others, or
 * draws complaints. Answers undefined while the day is not over. Full at 100 %.
 */
export const stepRamp = (ramp: Ramp, now: Date, signs: RampSigns): Ramp | undefined => {
  if (!isGrowing(ramp, now)) return undefined;
  const lag = (signs.usual ?? 0) - (signs.score ?? signs.usual ?? 0);
  const against = !signs.isHealthy
    ? 'it is unhealthy'
    : signs.complaintRate > tolerableComplaints
      ? `${(signs.complaintRate * 100).toFixed(2)} % of its mail is complained about`
      : lag > tolerableLag
        ? `it does ${(lag * 100).toFixed(1)} % worse than the others`
        : undefined;
  const steppedAt = now.toISOString();
  return against === undefined
    ? { percentPerDay: ramp.percentPerDay, percent: Math.min(100, ramp.percent + ramp.percentPerDay), steppedAt }
    : { ...ramp, steppedAt, held: against };
};

/** What may be true of a score: normally distributed around `mean`, with the probability `weight`. */
export interface Possibility {
  readonly weight: number;
  readonly mean: number;
  readonly variance: number;
}
/** All that may be true of it; the weights sum to 1. */
export type Belief = readonly Possibility[];

// Where a normal distribution is looked at, in deviations from its mean: close where most of it lies.
const marks = [-4, -3, -2.3, -1.8, -1.4, -1, -0.6, -0.3, 0, 0.3, 0.6, 1, 1.4, 1.8, 2.3, 3, 4];
const smallestVariance = 1e-10;

// Abramowitz and Stegun 7.1.26: the normal distribution function, absolute error below 1.5e-7.
const normalBelow = (z: number): number => {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const tail =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return z > 0 ? 1 - tail / 2 : tail / 2;
};

/** F(x) at every point of an ascending grid. Beyond five deviations it is 0 or 1, and nothing need be computed. */
const distribution = (belief: Belief, grid: Float64Array): Float64Array => {
  const below = new Float64Array(grid.length);
  for (const { weight, mean, variance } of belief) {
    const deviation = Math.sqrt(Math.max(variance, smallestVariance));
    for (let point = 0; point < grid.length; point += 1) {
      const z = ((grid[point] ?? 0) - mean) / deviation;
      if (z < -5) continue;
      below[point] = (below[point] ?? 0) + weight * (z > 5 ? 1 : normalBelow(z));
    }
  }
  return below;
};

/**
 * For each of several scores the probability that it is the highest: ∫ Πⱼ≠ᵢ Fⱼ dFᵢ, over a grid that is fine where any of
 * them may lie. No dice: the same beliefs give the same probabilities, which sum to 1.
 */
export const probabilityOfBest = (beliefs: readonly Belief[]): number[] => {
  const places = beliefs.flat().flatMap(({ mean, variance }) => {
    const deviation = Math.sqrt(Math.max(variance, smallestVariance));
    return marks.map((mark) => mean + mark * deviation);
  });
  const grid = Float64Array.from(places).sort();
  const below = beliefs.map((belief) => distribution(belief, grid));
  const best = new Float64Array(beliefs.length);
  for (let point = 1; point < grid.length; point += 1) {
    let all = 1;
    for (const values of below) all *= ((values[point] ?? 0) + (values[point - 1] ?? 0)) / 2;
    if (all === 0) continue;
    let own = 0;
    for (const values of below) {
      const upper = values[point] ?? 0;
      const lower = values[point - 1] ?? 0;
      // All of them are below, but for this one, whose place this step is.
      best[own] = (best[own] ?? 0) + (all * (upper - lower)) / ((upper + lower) / 2);
      own += 1;
    }
  }
  const total = best.reduce((sum, chance) => sum + chance, 0);
  return Array.from(best, (chance) => (total > 0 ? chance / total : 1 / beliefs.length));
};

// How well counts fit what was believed of a rate, as natural logarithms. Constants that both sides of a comparison share
// are left out: only differences of two answers to the same counts mean anything.

// Stirling's series, shifted to where it is exact to nine digits.
const logGamma = (x: number): number => {
  let shift = 0;
  let y = x;
  while (y < 7) {
    shift -= Math.log(y);
    y += 1;
  }
  const z = 1 / (y * y);
  return shift + (y - 0.5) * Math.log(y) - y + 0.9189385332046727 + (1 / 12 - z * (1 / 360 - z / 1260)) / y;
};

const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/**
 * `hits` of `trials`, when the rate was believed to be `mean` with `worth` trials behind it (beta-binomial). Neither need
 * be whole numbers.
 */
export const shareLikelihood = (trials: number, hits: number, mean: number, worth: number): number => {
  const rate = Math.min(0.999, Math.max(0.001, mean));
  const a = rate * worth;
  const b = worth - a;
  return logBeta(a + hits, b + Math.max(0, trials - hits)) - logBeta(a, b);
};

/** `events` in `trials`, when they were believed to come as `seen` in `outOf` (negative binomial): for rare events. */
export const rareLikelihood = (trials: number, events: number, seen: number, outOf: number): number =>
  logGamma(seen + events) -
  logGamma(seen) +
  seen * Math.log(outOf / (outOf + trials)) +
  events * Math.log(trials / (outOf + trials));

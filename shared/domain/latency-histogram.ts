/** Durations in ms, counted so finely that a percentile is right to 2 %, in memory that does not grow. */
export interface LatencyHistogram {
  readonly add: (ms: number) => void;
  readonly count: number;
  readonly mean: number;
  readonly max: number;
  /** The duration that this share (0–1) stays at or below; 0 where nothing was counted. */
  readonly percentile: (share: number) => number;
}

// From a microsecond to about a quarter of an hour, in steps of 2 %.
const smallestMs = 0.001;
const step = 1.02;
const buckets = 1_050;
const bucketOf = (ms: number): number =>
  ms <= smallestMs ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(ms / smallestMs) / Math.log(step)));

export const createLatencyHistogram = (): LatencyHistogram => {
  const counts = new Float64Array(buckets);
  let count = 0;
  let sum = 0;
  let max = 0;
  return {
    add: (ms) => {
      const bucket = bucketOf(ms);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      count += 1;
      sum += ms;
      if (ms > max) max = ms;
    },
    get count() {
      return count;
    },
    get mean() {
      return count === 0 ? 0 : sum / count;
    },
    get max() {
      return max;
    },
    percentile: (share) => {
      const wanted = Math.max(1, Math.ceil(count * share));
      let seen = 0;
      for (let bucket = 0; bucket < buckets; bucket += 1) {
        seen += counts[bucket] ?? 0;
        if (seen >= wanted) return Math.min(max, smallestMs * step ** bucket);
      }
      return 0;
    },
  };
};

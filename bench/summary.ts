import type { Benchmark, RunResult } from './benchmark.ts';

/** A benchmark's runs in a line. */
export interface Summary {
  readonly name: string;
  readonly what: string;
  readonly unit: string;
  readonly aim: number | null;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Medians over the runs. */
  readonly latencyMs: Readonly<Record<string, number>>;
  readonly runs: readonly RunResult[];
}

/** The middle of the values; of an even number of them the mean of the two in the middle. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
};

/** Sums up the runs of a benchmark. */
export const summarise = (benchmark: Benchmark, runs: readonly RunResult[]): Summary => {
  const rates = runs.map(({ rate }) => rate);
  const names = [...new Set(runs.flatMap(({ latencyMs }) => Object.keys(latencyMs ?? {})))];
  const latencyOf = (name: string): number => median(runs.map(({ latencyMs }) => latencyMs?.[name] ?? NaN));
  return {
    name: benchmark.name,
    what: benchmark.what,
    unit: benchmark.unit,
    aim: benchmark.aim ?? null,
    median: median(rates),
    min: Math.min(...rates),
    max: Math.max(...rates),
    latencyMs: Object.fromEntries(names.map((name) => [name, latencyOf(name)])),
    runs,
  };
};

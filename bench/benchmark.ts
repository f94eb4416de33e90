import type { Stores } from './stores.ts';

/** What one run of a benchmark found. */
export interface RunResult {
  /** In the benchmark's unit. */
  readonly rate: number;
  readonly seconds: number;
  readonly latencyMs?: Readonly<Record<string, number>>;
  /** How much was done in the time, and what else belongs to the result. */
  readonly facts: Readonly<Record<string, number>>;
}

/** What a benchmark stands on. */
export interface Bench {
  readonly stores: Stores;
  readonly say: (line: string) => void;
  /** Registers what is closed when the benchmark ends, however it ends, in reverse order of registration. */
  readonly onClose: (close: () => Promise<void>) => void;
}

/** A benchmark: real processes on real stores, without a path of its own through the product. */
export interface Benchmark {
  readonly name: string;
  /** One sentence on what is measured, from where to where. */
  readonly what: string;
  readonly unit: string;
  /** What is wanted of the median. */
  readonly aim?: number;
  /**
   * Makes ready what all runs need, and answers one run, from a state like every other run's. A run throws when what was
   * done is not what should have been done.
   */
  prepare(bench: Bench): Promise<() => Promise<RunResult>>;
}

import type { TestFleet } from '../support/fleet.ts';

/** What one part of the suite found. */
export interface PartResult {
  readonly name: string;
  /** What was tried, in a few words. */
  readonly note: string;
  /** Empty when everything held. */
  readonly faults: readonly string[];
}

export interface PartOptions {
  readonly fleet: TestFleet;
  readonly seeds: readonly number[];
  /** Of schemathesis, for one operation and phase. */
  readonly examples: number;
  readonly say: (line: string) => void;
}

/** mulberry32: small, and the same everywhere for the same seed. Answers 0 to 1. */
export const seededBy = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** At most ten of a list of faults, and how many there are in all. */
export const few = (faults: readonly string[], what: string): string[] =>
  faults.length === 0
    ? []
    : [`${faults.length} ${what}: ${faults.slice(0, 10).join('; ')}${faults.length > 10 ? '; …' : ''}`];

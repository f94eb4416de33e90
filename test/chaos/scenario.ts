import type { World } from './world.ts';

/** `core` is what CI runs, `everyday` what `npm run test:chaos` runs, `full` the sizes and times of the table. */
export type Scale = 'core' | 'everyday' | 'full';

/** What a scenario found. `faults` are sentences; none means that it passed. */
export interface Finding {
  readonly lost: number;
  readonly duplicates: number;
  readonly unflagged: number;
  readonly phantom: number;
  readonly faults: readonly string[];
  /** Figures worth reading, in a few words. */
  readonly note: string;
}

/** One failure scenario: real processes, one kind of harm, and a judgement by the oracle. */
export interface Scenario {
  /** Its number in the table, or several that one run shows. */
  readonly id: string;
  readonly title: string;
  run(world: World, scale: Scale): Promise<Finding>;
}

/** One of three values by the scale of the run. */
export const sized = <T>(scale: Scale, core: T, everyday: T, full: T): T =>
  scale === 'core' ? core : scale === 'everyday' ? everyday : full;

/** A finding of a scenario that has nothing to do with mail. */
export const finding = (faults: readonly string[], note: string): Finding => ({
  lost: 0,
  duplicates: 0,
  unflagged: 0,
  phantom: 0,
  faults,
  note,
});

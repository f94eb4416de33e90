import type { Evidence } from '../evidence.ts';

/** By mailbox provider, then by ESP. */
export type ByCell = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface PolicyInput {
  readonly esps: readonly string[];
  /** Mailbox providers to answer for. */
  readonly providers: readonly string[];
  /** What is older than a day of the 30 days that a first batch reads; empty for a later batch. */
  readonly past: Evidence;
  /** What became known since, in order: the hours of the last day for a first batch, one piece for a later one. */
  readonly news: readonly Evidence[];
  /** What the policy kept with the previous decision of this batch id; undefined for a first one. */
  readonly memory?: Memory | undefined;
  /** For policies that throw dice: the same seed, the same weights. */
  readonly seed: number;
}

/** Numbers of messages, faded, so no whole ones. */
export interface Remembered {
  readonly settled: number;
  readonly delivered: number;
  readonly opened: number;
}
/** What is remembered of one ESP at one mailbox provider: of the last batches, and of those before them. */
export interface CellMemory {
  readonly recent: Remembered;
  readonly older: Remembered;
}
export interface ComplaintMemory {
  readonly delivered: number;
  readonly complained: number;
}
/** What is remembered of one ESP: by mailbox provider, and its complaints at all of them, which are too few to tell apart. */
export interface EspMemory {
  readonly cells: Readonly<Record<string, CellMemory>>;
  readonly complaints: ComplaintMemory;
  /** What it was sent while nothing was ever heard of it. */
  readonly unheard: number;
}
/** By ESP. */
export type Memory = Readonly<Record<string, EspMemory>>;

export interface PolicyAnswer {
  /**
   * Parts of a mailbox provider's mail for each of the given ESPs (some of the input's), 0 or more each; they need not
   * sum to anything. Asked again when an ESP may not have what it was given, since that changes who of the others is best.
   */
  readonly shares: (provider: string, esps: readonly string[]) => Readonly<Record<string, number>>;
  /** What a message through this ESP to this provider is worth. */
  readonly scores: ByCell;
  /** Undefined for a policy that looks at the window alone. */
  readonly memory?: Memory | undefined;
}

/** A rule that turns evidence into shares. Pure; knows nothing of health, limits or the database. */
export type Policy = (input: PolicyInput) => PolicyAnswer;

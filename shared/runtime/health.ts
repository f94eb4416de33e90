/** What a process tells its supervisor: alive (its loop ticked lately) and ready (every named part is). */
export interface Health {
  /** Marks a named part as ready or not; a part counts from its first mention. */
  ready(part: string, isReady: boolean): void;
  /** Adds a check of liveness; one that answers a sentence says what is stuck. */
  watch(check: () => string | undefined): void;
  report(): HealthReport;
}

export interface HealthReport {
  readonly ready: boolean;
  readonly waitingFor: readonly string[];
  /** What is stuck, in sentences; empty when the process is alive. */
  readonly stuck: readonly string[];
}

export const createHealth = (): Health => {
  const parts = new Map<string, boolean>();
  const checks: (() => string | undefined)[] = [];
  return {
    ready: (part, isReady) => void parts.set(part, isReady),
    watch: (check) => void checks.push(check),
    report: () => {
      const waitingFor = [...parts].filter(([, isReady]) => !isReady).map(([part]) => part);
      const stuck = checks.map((check) => check()).filter((sentence) => sentence !== undefined);
      return { ready: parts.size > 0 && waitingFor.length === 0, waitingFor, stuck };
    },
  };
};

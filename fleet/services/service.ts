import type { PortUse } from '../ports.ts';

/** Postgres or Kafka: ours to run, or somebody else's to join. */
export interface Service {
  /** The ports it will listen on; none when it is not ours. */
  readonly ports: readonly PortUse[];
  /** Ends what a killed earlier run of ours left behind, so that ports and data are free. */
  clear(): Promise<void>;
  /** Resolves when it does real work, with what to tell the user. Throws `ConfigError` with a remedy. */
  start(): Promise<string>;
  stop(): Promise<void>;
}

import type { Topic } from '../contracts/topics.ts';
import type { Outcome } from './outcome.ts';

/** A decoded record with its place of origin. */
export interface Incoming<T> {
  readonly value: T;
  /** The bytes as they came. */
  readonly raw: Uint8Array;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly offset: bigint;
  readonly timestampMs: number;
}

export interface BatchContext {
  readonly topic: string;
  readonly partition: number;
  /** Kafka's cluster id. */
  readonly cluster: string;
  /** The offset that the next produced record will get, as of the fetch. */
  readonly highWatermark: bigint;
  /** Aborted when the partition was taken away or the process stops: begin nothing new. */
  readonly signal: AbortSignal;
  /** Tells that work on this batch goes on. A handler that tells nothing for 50 s is taken for stuck, and its process ends. */
  readonly progress?: () => void;
}

/** A consumer as data: what it reads, and what it makes of it. */
export interface ConsumerDefinition<T> {
  /** Its name, which is its consumer group too. */
  readonly name: string;
  readonly topics: readonly Topic<T>[];
  /** Records handed over at once, and how many bytes of a partition are fetched at once. */
  readonly maxRecords: number;
  readonly fetchBytes?: number;
  /**
   * One outcome per record, in order. Throws `InfrastructureError` when Kafka or Postgres is away: the same records come
   * again. Any other throw is taken for a bug in the data's handling: the records then come one by one, and the one that
   * throws alone goes to the dead letters.
   */
  handleBatch(records: readonly Incoming<T>[], context: BatchContext): Promise<readonly Outcome[]>;
}

type ForEach<T> = Omit<ConsumerDefinition<T>, 'handleBatch'> & {
  handle(record: Incoming<T>, context: BatchContext): Outcome | Promise<Outcome>;
};

/** Checks nothing, but gives the definition its type: by batch, or record by record. */
export const defineConsumer = <T>(definition: ConsumerDefinition<T> | ForEach<T>): ConsumerDefinition<T> =>
  'handleBatch' in definition
    ? definition
    : {
        ...definition,
        handleBatch: async (records, context) => {
          const outcomes: Outcome[] = [];
          for (const record of records) outcomes.push(await definition.handle(record, context));
          return outcomes;
        },
      };

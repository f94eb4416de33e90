/** A record on its way out. The key is required: without one, kafkajs picks another partition at every retry. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record as Kafka hands it over. */
export interface RawRecord {
  readonly value: Uint8Array | null;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly offset: bigint;
  readonly timestampMs: number;
}

import kafkajs, { type Producer } from 'kafkajs';
import { InfrastructureError, InvalidMessageError } from '../errors.ts';
import { kafkaClient } from './kafka.ts';
import type { Logger } from './log.ts';
import type { OutgoingRecord } from './records.ts';
import { cutBySize } from './records-size.ts';

/** How much of the room for waiting records a caller may fill: what can wait is refused first, one-time codes and webhooks last. */
export type Urgency = 'can-wait' | 'usual' | 'urgent';
const roomFor: Readonly<Record<Urgency, number>> = { 'can-wait': 0.5, usual: 0.8, urgent: 1 };

export interface Publisher {
  /**
   * Resolves once all replicas have every one of the records. Rejects with `InfrastructureError` `kafka-full` when too
   * much waits already for this urgency (`urgent` where none is given), or `kafka-away` when Kafka has not taken them
   * within the deadline: they may still arrive then. With `InvalidMessageError` `record-too-large` when one of them is
   * larger than its topic takes, even compressed.
   */
  publish(records: readonly OutgoingRecord[], urgency?: Urgency): Promise<void>;
  /** Connects ahead of the first record, so that readiness says something. Throws when Kafka is away for half a minute. */
  connect(): Promise<void>;
  /** Waits for what is under way, but for no longer than a few seconds, then disconnects. */
  close(): Promise<void>;
}

export interface PublisherOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Logger;
  /** How long a caller waits for Kafka, in ms. */
  readonly deadlineMs: number;
  /** Records and bytes that may wait; above, callers are refused at once. */
  readonly maxWaiting?: { readonly records: number; readonly bytes: number };
  /** Told whether the last send succeeded. */
  readonly onState?: (isConnected: boolean) => void;
}

interface Waiting {
  readonly records: readonly OutgoingRecord[];
  readonly bytes: number;
  readonly expiresAt: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

// What goes to one partition at once is one batch to Kafka, which takes 2 MiB. A record above this goes alone, compressed.
const maxBatchBytes = 1_900_000;
// Kafka's client would wait up to half a minute for a broker that is away: longer than a stop may take.
const closeWithinMs = 4_000;
const longestTryMs = 10_000;
const connectWithinMs = 30_000;

/** Rejects when the work takes longer; it goes on then, and nobody hears of it. */
const within = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new InfrastructureError('kafka-away', `Kafka has not answered within ${ms} ms.`));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
};

const kafkaType = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'type' in error ? error.type : undefined;
const isTooLarge = (error: unknown): boolean =>
  [error, error instanceof Error ? error.cause : undefined].some((fault) => kafkaType(fault) === 'MESSAGE_TOO_LARGE');

const groupByTopic = (batch: readonly Waiting[]) => {
  const topics = new Map<string, { key: string; value: string | Buffer; headers: Record<string, string> }[]>();
  for (const { records } of batch) {
    for (const { topic, key, value, headers } of records) {
      const messages = topics.get(topic) ?? [];
      messages.push({ key, value, headers: { ...headers } });
      topics.set(topic, messages);
    }
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
};

/**
 * One in-flight produce that carries everything that waited.
 *
 * kafkajs's idempotent producer rolls its sequence back when an answer is lost, and the next send reuses it: the broker
 * then takes new records for duplicates and acknowledges what it never stored. Hence one send at a time, and after any
 * error the producer is thrown away: a new one has a new producer id, and what was sent is sent again. Receivers drop
 * repeats by their ids.
 */
export const createPublisher = (options: PublisherOptions): Publisher => {
  const limit = options.maxWaiting ?? { records: 100_000, bytes: 64_000_000 };
  // An answer that got lost is noticed while callers still wait, so that a second try can reach them.
  const tryMs = Math.min(longestTryMs, Math.ceil((options.deadlineMs * 3) / 5));
  let waiting: Waiting[] = [];
  let waitingRecords = 0;
  let waitingBytes = 0;
  let producer: Producer | undefined;
  let running: Promise<void> | undefined;
  let failuresInARow = 0;
  let isClosing = false;

  const connectedProducer = async (): Promise<Producer> => {
    if (producer !== undefined) return producer;
    const next = kafkaClient(options.brokers, options.clientId, options.log).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: { retries: 1, initialRetryTime: 100 },
    });
    try {
      await within(tryMs, next.connect());
    } catch (error) {
      next.disconnect().catch(() => undefined);
      throw error;
    }
    producer = next;
    return next;
  };

  const dropProducer = (): void => {
    const old = producer;
    producer = undefined;
    // Its outcome cannot matter any more: whatever it holds is sent again by its successor.
    old?.disconnect().catch(() => undefined);
  };

  const takeBatch = (): Waiting[] => {
    let bytes = 0;
    let size = 0;
    while (size < waiting.length && (size === 0 || bytes + (waiting[size]?.bytes ?? 0) <= maxBatchBytes)) {
      bytes += waiting[size]?.bytes ?? 0;
      size += 1;
    }
    const batch = waiting.slice(0, size);
    waiting = waiting.slice(size);
    for (const entry of batch) {
      waitingRecords -= entry.records.length;
      waitingBytes -= entry.bytes;
    }
    return batch;
  };

  const sendUntilDone = async (batch: readonly Waiting[]): Promise<void> => {
    let left = batch;
    while (left.length > 0) {
      try {
        const current = await connectedProducer();
        const isLarge = left.some((entry) => entry.bytes > maxBatchBytes);
        const compression = isLarge ? kafkajs.CompressionTypes.GZIP : kafkajs.CompressionTypes.None;
        const topicMessages = groupByTopic(left);
        await within(tryMs, current.sendBatch({ acks: -1, timeout: 5_000, compression, topicMessages }));
        failuresInARow = 0;
        options.onState?.(true);
        for (const entry of left) entry.resolve();
        return;
      } catch (error) {
        dropProducer();
        if (isTooLarge(error)) {
          const [only, ...others] = left;
          // Whose record it is, only a send of its own tells: others must not wait for what can never be taken.
          if (others.length > 0) for (const entry of left) await sendUntilDone([entry]);
          else only?.reject(new InvalidMessageError('record-too-large', 'The record is larger than its topic takes.'));
          return;
        }
        failuresInARow += 1;
        options.onState?.(false);
        options.log.warn(
          { err: error, failuresInARow },
          'Kafka did not take a batch; sending it again with a new producer',
        );
        await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** failuresInARow, 1_000)));
        left = left.filter((entry) => entry.expiresAt > performance.now() && !isClosing);
      }
    }
  };

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      waiting = waiting.filter((entry) => {
        if (entry.expiresAt > performance.now()) return true;
        waitingRecords -= entry.records.length;
        waitingBytes -= entry.bytes;
        return false;
      });
      const batch = takeBatch();
      if (batch.length > 0) await sendUntilDone(batch);
    }
  };

  const start = (): void => {
    running ??= run().finally(() => {
      running = undefined;
      if (waiting.length > 0) start();
    });
  };

  return {
    publish: (records, urgency = 'urgent') => {
      if (records.length === 0) return Promise.resolve();
      const slices = cutBySize(records, maxBatchBytes);
      const bytes = slices.reduce((sum, slice) => sum + slice.bytes, 0);
      const room = roomFor[urgency];
      if (waitingRecords + records.length > limit.records * room || waitingBytes + bytes > limit.bytes * room) {
        return Promise.reject(new InfrastructureError('kafka-full', 'Too many records wait for Kafka already.'));
      }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new InfrastructureError('kafka-away', 'Kafka has not taken the records in time.'));
        }, options.deadlineMs);
        let open = slices.length;
        const expiresAt = performance.now() + options.deadlineMs;
        for (const slice of slices) {
          waiting.push({
            ...slice,
            expiresAt,
            resolve: () => {
              open -= 1;
              if (open > 0) return;
              clearTimeout(timer);
              resolve();
            },
            reject: (error) => {
              clearTimeout(timer);
              reject(error);
            },
          });
        }
        waitingRecords += records.length;
        waitingBytes += bytes;
        start();
      });
    },
    connect: async () => {
      // A process that starts while its broker does must not end over it.
      const giveUpAt = performance.now() + connectWithinMs;
      for (;;) {
        try {
          await connectedProducer();
          break;
        } catch (error) {
          if (performance.now() > giveUpAt) throw error;
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
      }
      options.onState?.(true);
    },
    close: async () => {
      const drained = async (): Promise<void> => {
        while (running !== undefined) await running;
        await producer?.disconnect();
        producer = undefined;
      };
      // What Kafka does not take by then, its callers have been told or are told by their own deadline.
      await within(closeWithinMs, drained()).catch((error: unknown) => {
        isClosing = true;
        options.log.warn({ err: error }, 'Kafka was away while the process stopped');
        dropProducer();
      });
    },
  };
};

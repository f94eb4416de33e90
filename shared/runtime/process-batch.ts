import { deadLetterHeaders, deadTopic, isDeadTopic, type Topic } from '../contracts/topics.ts';
import { replayOrigin } from '../domain/replay-origin.ts';
import { FleetError, InfrastructureError, InvalidMessageError } from '../errors.ts';
import type { Breaker } from './breaker.ts';
import { decode } from './decode.ts';
import type { BatchContext, ConsumerDefinition, Incoming } from './define-consumer.ts';
import { reject, type Outcome } from './outcome.ts';
import type { OutgoingRecord, RawRecord } from './records.ts';

export interface BatchPorts {
  publish(records: readonly OutgoingRecord[]): Promise<void>;
  readonly breaker: Breaker;
  readonly now: () => Date;
  /** Told of each fault that nobody expected. */
  onUnexpected(error: unknown, offset: bigint): void;
}

export interface BatchResult {
  readonly handled: number;
  readonly dead: number;
  readonly skipped: number;
}

type Failed = Extract<Outcome, { kind: 'reject' }>;

const deadLetter = (
  consumer: string,
  record: RawRecord,
  why: Failed,
  context: BatchContext,
  now: Date,
): OutgoingRecord => {
  const before = Number(record.headers[deadLetterHeaders.attempts] ?? 0);
  const attempts = Number.isSafeInteger(before) && before >= 0 ? before + 1 : 1;
  const origin = replayOrigin(record.headers);
  return {
    topic: deadTopic(context.topic).name,
    key: record.key ?? `${context.topic}:${context.partition}:${record.offset}`,
    value: Buffer.from(record.value ?? new Uint8Array()),
    headers: {
      ...record.headers,
      [deadLetterHeaders.topic]: origin?.topic ?? context.topic,
      [deadLetterHeaders.partition]: String(origin?.partition ?? context.partition),
      [deadLetterHeaders.offset]: origin?.offset ?? String(record.offset),
      [deadLetterHeaders.timestamp]: String(origin?.timestampMs ?? record.timestampMs),
      [deadLetterHeaders.cluster]: origin?.cluster ?? context.cluster,
      [deadLetterHeaders.code]: why.code,
      [deadLetterHeaders.message]: why.reason.slice(0, 2_000),
      [deadLetterHeaders.attempts]: String(attempts),
      [deadLetterHeaders.firstFailedAt]: record.headers[deadLetterHeaders.firstFailedAt] ?? now.toISOString(),
      [deadLetterHeaders.consumer]: consumer,
    },
  };
};

const noBytes = new Uint8Array();

const mustPassOn = (error: unknown): boolean => error instanceof FleetError && !(error instanceof InvalidMessageError);

const handleTogether = async <T>(
  definition: ConsumerDefinition<T>,
  records: readonly Incoming<T>[],
  context: BatchContext,
): Promise<readonly Outcome[]> => {
  const outcomes = await definition.handleBatch(records, context);
  if (outcomes.length !== records.length) {
    throw new RangeError(`${definition.name} answered ${outcomes.length} outcomes for ${records.length} records`);
  }
  return outcomes;
};

// A batch that throws is handled again one by one, so that a poison record costs only itself.
const handleOneByOne = async <T>(
  definition: ConsumerDefinition<T>,
  records: readonly Incoming<T>[],
  context: BatchContext,
  ports: BatchPorts,
): Promise<readonly Outcome[]> => {
  const outcomes: Outcome[] = [];
  for (const record of records) {
    try {
      outcomes.push(...(await handleTogether(definition, [record], context)));
      ports.breaker.record(false);
    } catch (error) {
      if (mustPassOn(error)) throw error;
      if (error instanceof InvalidMessageError) {
        outcomes.push(reject(error.code, error.message));
        continue;
      }
      ports.onUnexpected(error, record.offset);
      ports.breaker.record(true);
      if (ports.breaker.isOpen) {
        throw new InfrastructureError(
          'breaker-open',
          'Too many records fail unexpectedly; the partition waits.',
          error,
        );
      }
      outcomes.push(reject('unexpected', 'The handler failed in a way nobody expected; see its log.'));
    }
  }
  return outcomes;
};

/**
 * All that a consumer does with a batch but the I/O of Kafka: decode, handle, publish what came of it and the dead
 * letters. When it resolves, every record of the batch is finished and may be committed. Throws only what must make the
 * same batch come again: `InfrastructureError` (also `breaker-open`), or a `FenceError`.
 */
export const processBatch = async <T>(
  definition: ConsumerDefinition<T>,
  topic: Topic<T>,
  rawRecords: readonly RawRecord[],
  context: BatchContext,
  ports: BatchPorts,
): Promise<BatchResult> => {
  const outcomes: (Outcome | undefined)[] = [];
  const readable: Incoming<T>[] = [];
  const places: number[] = [];
  rawRecords.forEach((record, place) => {
    const decoded = decode(topic, record.value);
    if (decoded.ok) {
      const { key, headers, offset, timestampMs } = record;
      readable.push({ value: decoded.value, raw: record.value ?? noBytes, key, headers, offset, timestampMs });
      places.push(place);
    } else outcomes[place] = reject(decoded.code, decoded.reason);
  });

  if (readable.length > 0) {
    let handled: readonly Outcome[];
    try {
      handled = await handleTogether(definition, readable, context);
      handled.forEach(() => {
        ports.breaker.record(false);
      });
    } catch (error) {
      if (mustPassOn(error)) throw error;
      handled = await handleOneByOne(definition, readable, context, ports);
    }
    places.forEach((place, index) => {
      outcomes[place] = handled[index];
    });
  }

  const published: OutgoingRecord[] = [];
  const counts = { handled: 0, dead: 0, skipped: 0 };
  rawRecords.forEach((record, place) => {
    const outcome = outcomes[place];
    if (outcome === undefined || outcome.kind === 'skip') counts.skipped += 1;
    else {
      published.push(...(outcome.records ?? []));
      if (outcome.kind === 'done') counts.handled += 1;
      else {
        counts.dead += 1;
        // A dead letter that cannot be kept stays where it is: there is no topic behind the last one.
        if (isDeadTopic(topic.name)) return;
        published.push(deadLetter(definition.name, record, outcome, context, ports.now()));
      }
    }
  });
  await ports.publish(published);
  return counts;
};

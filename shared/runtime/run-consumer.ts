import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { Topic } from '../contracts/topics.ts';
import { FleetError } from '../errors.ts';
import { backoffMs } from './backoff.ts';
import { createBreaker, type Breaker } from './breaker.ts';
import type { BatchContext, ConsumerDefinition } from './define-consumer.ts';
import type { Failpoint } from './failpoint.ts';
import { kafkaClient, rawRecords } from './kafka.ts';
import { processBatch } from './process-batch.ts';
import type { ProcessScope } from './process.ts';
import type { Publisher } from './publisher.ts';
import type { RawRecord } from './records.ts';

export interface ConsumerSettings {
  readonly KAFKA_BROKERS: readonly string[];
  readonly KAFKA_OFFSET_RESET: 'earliest' | 'latest';
  /** Partitions handled side by side. */
  readonly workers: number;
  /** The consumer group, where it is not the definition's name. */
  readonly groupId?: string;
  readonly passFailpoint?: (point: Failpoint) => void;
}

const heartbeatMs = 3_000;
const fetchedPartitions = 12;
const commitEveryMs = 1_000;
// An ESP call may take half a minute and the wait for Postgres as long again before anything is heard of a batch.
// The sooner it is looked again, the sooner mail goes on when an ESP is back.
const noEspPauseMs = 3_000;
const watchEveryMs = 2_000;
const stuckAfterLooks = 25;

/**
 * The one loop over kafkajs. Per chunk of a batch: handle, publish, resolve; commits are explicit and never past what is
 * finished. Kafka or Postgres away: the partition pauses, backs off and gets the same records again. Resolves once the
 * group is joined for the first time; the consumer then runs until the scope closes it.
 */
export const runConsumer = async <T>(
  definition: ConsumerDefinition<T>,
  settings: ConsumerSettings,
  scope: ProcessScope,
  publisher: Publisher,
): Promise<void> => {
  const { log, health, metrics, signal } = scope;
  const groupId = settings.groupId ?? definition.name;
  const resets = metrics.counter(
    'consumer_offset_resets_total',
    'Times that records were gone before this group had read them: look for what was lost.',
    ['group'],
  );
  const kafka = kafkaClient(settings.KAFKA_BROKERS, `mailfleet-${definition.name}`, log, (report) => {
    if (!report.startsWith('Offset out of range, resetting')) return;
    resets({ group: groupId });
    log.error({ group: groupId }, 'records were removed before they were read; reading goes on with what is left');
  });
  const topicsByName = new Map<string, Topic<T>>(definition.topics.map((topic) => [topic.name, topic]));
  const breakers = new Map<string, Breaker>();
  const failures = new Map<string, number>();
  /** Looks of the watchdog since a chunk that is under way last told of progress, by its place. */
  const idleLooks = new Map<string, number>();

  const count = metrics.counter('consumer_records_total', 'Records finished, by outcome.', [
    'group',
    'topic',
    'outcome',
  ]);
  const duration = metrics.histogram('consumer_batch_seconds', 'Time of one chunk of records.', ['group', 'topic']);
  const lag = metrics.gauge('consumer_lag', 'Records behind the end of the partition.', [
    'group',
    'topic',
    'partition',
  ]);

  const admin = kafka.admin();
  await admin.connect();
  const { clusterId: cluster } = await admin.describeCluster();
  await admin.disconnect();

  const consumer: Consumer = kafka.consumer({
    groupId,
    // Heartbeats come from a timer of ours, not from between records, so a short session only means that a killed
    // process is missed after 15 s instead of 45.
    sessionTimeout: 15_000,
    rebalanceTimeout: 60_000,
    heartbeatInterval: heartbeatMs,
    maxWaitTimeInMs: 500,
    // One fetch serves every worker: kafkajs fetches again only when all that came is handled.
    maxBytes: Math.max(8_000_000, (definition.fetchBytes ?? 0) * fetchedPartitions),
    maxBytesPerPartition: definition.fetchBytes ?? 524_288,
    allowAutoTopicCreation: false,
    retry: { retries: 8, initialRetryTime: 300, maxRetryTime: 10_000, restartOnFailure: () => Promise.resolve(true) },
  });

  const handleChunk = async (
    payload: EachBatchPayload,
    topic: Topic<T>,
    chunk: readonly RawRecord[],
  ): Promise<void> => {
    const { batch } = payload;
    const place = `${batch.topic}:${batch.partition}`;
    // Of all partitions together: what a bad deploy breaks, it breaks on each of them.
    const breaker = breakers.get(batch.topic) ?? createBreaker();
    breakers.set(batch.topic, breaker);
    const lost = new AbortController();
    let heartbeatFault: Error | undefined;
    const beat = (): void => {
      payload.heartbeat().catch((error: unknown) => {
        heartbeatFault = error instanceof Error ? error : new Error('a heartbeat failed');
        lost.abort();
      });
    };
    const timer = setInterval(beat, heartbeatMs);
    // Not AbortSignal.any: on Node 20 a long-lived signal keeps what it was joined with.
    const onStop = (): void => {
      lost.abort();
    };
    signal.addEventListener('abort', onStop);
    const startedAt = performance.now();
    idleLooks.set(place, 0);
    const context: BatchContext = {
      topic: batch.topic,
      partition: batch.partition,
      cluster,
      highWatermark: BigInt(batch.highWatermark),
      signal: lost.signal,
      progress: () => {
        if (idleLooks.has(place)) idleLooks.set(place, 0);
      },
    };
    try {
      const result = await processBatch(definition, topic, chunk, context, {
        publish: (records) => publisher.publish(records),
        breaker,
        now: () => new Date(),
        onUnexpected: (error, offset) => {
          log.error(
            { err: error, topic: batch.topic, partition: batch.partition, offset: String(offset) },
            'a record failed unexpectedly',
          );
        },
      });
      for (const outcome of ['handled', 'dead', 'skipped'] as const) {
        if (result[outcome] > 0) count({ group: groupId, topic: batch.topic, outcome }, result[outcome]);
      }
      duration((performance.now() - startedAt) / 1_000, { group: groupId, topic: batch.topic });
    } catch (error) {
      // A handler that gave up because the partition is lost must not hide why: only kafkajs knows how to join again.
      throw heartbeatFault ?? error;
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', onStop);
      idleLooks.delete(place);
    }
    if (heartbeatFault !== undefined) throw heartbeatFault;
  };

  const onInfrastructureFault = (payload: EachBatchPayload, error: FleetError): void => {
    const place = `${payload.batch.topic}:${payload.batch.partition}`;
    const failed = (failures.get(place) ?? 0) + 1;
    failures.set(place, failed);
    const waitMs = backoffMs(failed, 250, error.code === 'no-esp' ? noEspPauseMs : 10_000, Math.random());
    // Looked at every few seconds for as long as it lasts: once is enough to be told of it.
    const level = error.code === 'no-esp' && failed > 1 ? 'debug' : 'warn';
    log[level]({ err: error, place, failed, waitMs }, 'the partition waits and gets the same records again');
    // An ESP that is away is no reason to send the process no more traffic; whatever else stops a partition is.
    if (error.code !== 'no-esp') health.ready('records', false);
    setTimeout(payload.pause(), waitMs).unref();
  };

  const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
    const { batch } = payload;
    const topic = topicsByName.get(batch.topic);
    if (topic === undefined) return;
    const records = rawRecords(payload);
    let committedAt = performance.now();
    let finished: bigint | undefined;
    const commit = async (): Promise<void> => {
      if (finished === undefined) return;
      const offset = String(finished + 1n);
      settings.passFailpoint?.('before-offset-commit');
      await payload.commitOffsetsIfNecessary({
        topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset }] }],
      });
      committedAt = performance.now();
    };
    for (let start = 0; start < records.length; start += definition.maxRecords) {
      if (!payload.isRunning() || payload.isStale() || signal.aborted) break;
      const chunk = records.slice(start, start + definition.maxRecords);
      try {
        await handleChunk(payload, topic, chunk);
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        await commit();
        onInfrastructureFault(payload, error);
        return;
      }
      const last = chunk.at(-1);
      if (last !== undefined) {
        finished = last.offset;
        payload.resolveOffset(String(finished));
      }
      if (failures.delete(`${batch.topic}:${batch.partition}`) && failures.size === 0) health.ready('records', true);
      await payload.heartbeat();
      if (performance.now() - committedAt > commitEveryMs) await commit();
    }
    // With the control records behind the last one, so that a transactional producer leaves no lag.
    if (finished !== undefined && finished === records.at(-1)?.offset) finished = BigInt(batch.lastOffset());
    await commit();
    // A batch of control records only has no messages; without this its offsets would be fetched for ever.
    if (records.length === 0) payload.resolveOffset(batch.lastOffset());
    const behind = BigInt(batch.highWatermark) - 1n - (finished ?? BigInt(batch.lastOffset()));
    lag(Number(behind), { group: groupId, topic: batch.topic, partition: String(batch.partition) });
  };

  const stuck = (): string | undefined => {
    for (const [place, looks] of idleLooks) {
      if (looks >= stuckAfterLooks)
        return `${place} has been in the same records for ${(looks * watchEveryMs) / 1_000} s without any progress`;
    }
    return undefined;
  };
  health.watch(stuck);
  // Looks are counted, not seconds: a process that was stopped for a while is not stuck when it goes on.
  const watchdog = setInterval(() => {
    for (const [place, looks] of idleLooks) idleLooks.set(place, looks + 1);
    const what = stuck();
    // What hangs cannot be closed; its partitions go to others as soon as its session ends.
    if (what !== undefined) scope.abandon(new Error(what));
  }, watchEveryMs);
  watchdog.unref();

  health.ready(groupId, false);
  consumer.on(consumer.events.GROUP_JOIN, () => {
    health.ready(groupId, true);
    // A partition that failed here may be another process's now, and would never be handled here again.
    if (failures.size > 0) health.ready('records', true);
    failures.clear();
  });
  // A batch of control records alone, or of what was given up, never reaches eachBatch, and nobody commits it: its group
  // would seem to be behind for as long as nothing follows.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const { topic, partition, batchSize, lastOffset } = payload;
    if (batchSize > 0) return;
    const offset = String(BigInt(lastOffset) + 1n);
    lag(Number(BigInt(payload.highWatermark) - BigInt(offset)), {
      group: groupId,
      topic,
      partition: String(partition),
    });
    // Nothing is lost with it: such a batch is read again, and commits what is behind it.
    consumer.commitOffsets([{ topic, partition, offset }]).catch(() => undefined);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    health.ready(groupId, false);
    // Without a restart of its own, kafkajs would live on and consume nothing.
    if (!payload.restart) scope.fail(payload.error);
    else log.warn({ err: payload.error }, 'the consumer lost Kafka and joins again');
  });

  await consumer.connect();
  scope.onClose(`consumer ${groupId}`, async () => {
    clearInterval(watchdog);
    await consumer.stop();
    await consumer.disconnect();
  });
  await consumer.subscribe({
    topics: definition.topics.map((topic) => topic.name),
    fromBeginning: settings.KAFKA_OFFSET_RESET === 'earliest',
  });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: settings.workers,
    eachBatch,
  });
};

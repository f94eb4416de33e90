// In:  rows with a due time.
// Out: their ids on the topic of their lane; what waits in the outbox; expired claims as `unknown`; partitions ahead of time; what is past its use
//      is removed.
// On a second copy: rows are taken with SKIP LOCKED, and publishing an id twice is harmless - the second claim finds it taken.
import type { Topics } from '../../shared/contracts/topics.ts';
import { sendLanes } from '../../shared/contracts/topics.ts';
import type { Pool } from '../../shared/db/connect.ts';
import {
  expireLeases,
  lastRecovery,
  releaseUnknown,
  takeDueMessages,
  wakeWaiting,
} from '../../shared/db/due-messages.ts';
import { purgeCalls } from '../../shared/db/esp-calls.ts';
import { ensureEventPartitions } from '../../shared/db/event-partitions.ts';
import { purgeKeys } from '../../shared/db/idempotency.ts';
import { cleanUpCodes } from '../../shared/db/one-time-codes.ts';
import { removeOutbox, takeOutbox } from '../../shared/db/outbox.ts';
import { contentToPurge, forgetContent } from '../../shared/db/purge-content.ts';
import { purgeMarks } from '../../shared/db/producer-marks.ts';
import { purgeRateBuckets } from '../../shared/db/rate-buckets.ts';
import { thinDecisions } from '../../shared/db/thin-decisions.ts';
import { purgeWebhookCalls } from '../../shared/db/webhook-calls.ts';
import { writeOutcomes } from '../../shared/db/write-outcomes.ts';
import { unknownWindowMs } from '../../shared/domain/next-attempt.ts';
import type { BlobStore } from '../../shared/runtime/blob-store.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Publisher } from '../../shared/runtime/publisher.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';
import { dueRecords } from './due-records.ts';

export interface SchedulerDeps {
  readonly pool: Pool;
  readonly publisher: Publisher;
  readonly topics: Topics;
  readonly blobs: BlobStore;
  readonly log: Logger;
}

const full = 1_000;
const dueLimit = 5_000;

/** Expired claims become `unknown`; unknown ones whose window is over are sent again where that is allowed. */
export const reaper = ({ pool, log, topics }: Pick<SchedulerDeps, 'pool' | 'log' | 'topics'>): Ticker => ({
  name: 'reaper',
  everyMs: 2_000,
  tick: async () => {
    const expired = await pool.transaction(async (db) => {
      const found = await expireLeases(db, unknownWindowMs);
      await writeOutcomes(db, topics.outcomes.name, found);
      return found.length;
    });
    const released = await releaseUnknown(pool);
    if (expired > 0) log.warn({ expired }, 'claims ran out before their answer was known');
    if (released > 0)
      log.warn({ released }, 'messages whose first attempt nobody can vouch for are sent again, flagged');
    return expired >= full || released >= full;
  },
});

/** Publishes what is due. */
export const dueTicker = ({ pool, publisher, topics }: SchedulerDeps): Ticker => ({
  name: 'due-rows',
  everyMs: 500,
  tick: async () => {
    const due = await takeDueMessages(pool, dueLimit);
    const topicOf = (lane: string): string => topics.send[sendLanes.find((name) => name === lane) ?? 'email-send'].name;
    await publisher.publish(
      dueRecords(due).map(({ lane, ids }) => ({
        topic: topicOf(lane),
        key: ids[0] ?? lane,
        value: JSON.stringify({ due: ids }),
      })),
    );
    return due.length >= dueLimit;
  },
});

const outboxLimit = 50;

/** Publishes what the writers of the outbox did not: they died, or Kafka was away. */
export const outboxTicker = ({ pool, publisher }: Pick<SchedulerDeps, 'pool' | 'publisher'>): Ticker => ({
  name: 'outbox',
  everyMs: 1_000,
  tick: async () => {
    const rows = await takeOutbox(pool, outboxLimit);
    // Row by row: the publisher makes batches of a size that Kafka takes.
    await Promise.all(rows.map((row) => publisher.publish(row.records)));
    await removeOutbox(pool, rows);
    return rows.length >= outboxLimit;
  },
});

/** Lets waiting messages go when an ESP is back: their pauses were made for its absence. */
export const wakeTicker = ({ pool, log }: Pick<SchedulerDeps, 'pool' | 'log'>): Ticker => {
  let doneFor: string | undefined;
  return {
    name: 'wake',
    everyMs: 1_000,
    tick: async () => {
      const recovery = await lastRecovery(pool);
      if (recovery === undefined || recovery === doneFor) return false;
      const woken = await wakeWaiting(pool, recovery, dueLimit);
      if (woken > 0) log.info({ woken }, 'an ESP is back, and what waited goes on');
      if (woken < dueLimit) doneFor = recovery;
      return woken >= dueLimit;
    },
  };
};

/** Removes content from the blob store after its last use. A process that dies in between removes it again. */
export const contentPurge = ({ pool, blobs }: SchedulerDeps): Ticker => ({
  name: 'content-purge',
  everyMs: 600_000,
  tick: async () => {
    const old = await contentToPurge(pool);
    for (const { contentRef } of old) await blobs.remove(contentRef);
    await forgetContent(
      pool,
      old.map(({ id }) => id),
    );
    return old.length >= 100;
  },
});

// A key says nothing any more after 24 hours; the request id that follows from it does.
const keyDays = 2;

/** Forgets idempotency keys after two days, a thousand at a time. */
export const keyPurge = ({ pool }: Pick<SchedulerDeps, 'pool'>): Ticker => ({
  name: 'key-purge',
  everyMs: 600_000,
  tick: async () => (await purgeKeys(pool, keyDays, full)) >= full,
});

// Long enough to notice an endpoint that was down, and to replay.
const webhookCallDays = { delivered: 7, other: 30 };

/** Forgets old calls of webhooks. */
export const webhookCallPurge = ({ pool }: Pick<SchedulerDeps, 'pool'>): Ticker => ({
  name: 'webhook-call-purge',
  everyMs: 600_000,
  tick: async () => (await purgeWebhookCalls(pool, webhookCallDays, full)) >= full,
});

/** Removes the rate limits' buckets of keys and addresses that have not been heard of for a while. */
export const bucketPurge = ({ pool }: Pick<SchedulerDeps, 'pool'>): Ticker => ({
  name: 'bucket-purge',
  everyMs: 60_000,
  tick: async () => (await purgeRateBuckets(pool, full)) >= full,
});

/** Forgets one-time codes that are over. */
export const codeCleanup = ({ pool }: Pick<SchedulerDeps, 'pool'>, everyMs: number): Ticker => ({
  name: 'code-cleanup',
  everyMs,
  tick: async () => (await cleanUpCodes(pool, full)) >= full,
});

// SparkPost remembers its keys for a day.
const callHours = 25;

/** Forgets calls that no ESP would know again. */
export const callPurge = ({ pool }: Pick<SchedulerDeps, 'pool'>): Ticker => ({
  name: 'call-purge',
  everyMs: 600_000,
  tick: async () => (await purgeCalls(pool, callHours, full)) >= full,
});

// Topics keep records for seven days: nothing that such a producer sent twice can come any more.
const markDays = 9;

/** Forgets the marks of producers that are gone. */
export const markPurge = ({ pool }: Pick<SchedulerDeps, 'pool'>): Ticker => ({
  name: 'mark-purge',
  everyMs: 3_600_000,
  tick: async () => (await purgeMarks(pool, markDays, full)) >= full,
});

/** Thins the history of weights, a thousand decisions at a time; a pass goes on where the last tick stopped. */
export const decisionsTicker = ({ pool, log }: Pick<SchedulerDeps, 'pool' | 'log'>): Ticker => {
  let after = 0;
  let total = 0;
  return {
    name: 'weight-history',
    everyMs: 600_000,
    tick: async () => {
      const { removed, next } = await thinDecisions(pool, after, full);
      total += removed;
      if (next === undefined && total > 0) log.info({ removed: total }, 'old weight decisions were thinned');
      if (next === undefined) total = 0;
      after = next ?? 0;
      return next !== undefined;
    },
  };
};

/** Makes the partitions of the coming days. */
export const partitionsTicker = ({ pool }: SchedulerDeps): Ticker => ({
  name: 'partitions',
  everyMs: 3_600_000,
  tick: async () => {
    await ensureEventPartitions(pool, 7);
    return false;
  },
});

import { createRequire } from 'node:module';
import kafkajs, { type EachBatchPayload, type IHeaders, type Kafka, type LogEntry } from 'kafkajs';
import { registerCodecs } from './compression.ts';
import type { Logger } from './log.ts';
import type { RawRecord } from './records.ts';

const require = createRequire(import.meta.url);

interface RequestQueue {
  pending: readonly unknown[];
  throttledUntil: number;
}

// kafkajs arms a timer of about 1 ms again and again on every idle connection (849 wake-ups a second measured, its
// issue 1704). The timer has work only while requests wait or the broker throttles us; otherwise it is not armed.
const calmIdleConnections = (): void => {
  const queue = require('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueue & { scheduleCheckPendingRequests: (this: RequestQueue) => void };
  };
  const schedule = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
};

let isPrepared = false;
const prepareLibrary = (): void => {
  if (isPrepared) return;
  isPrepared = true;
  registerCodecs();
  calmIdleConnections();
};

// What kafkajs calls ERROR is mostly a broker that is coming up or moving: handled, so a warning at most.
const logThrough = (log: Logger, onReport: (message: string) => void) => () => (entry: LogEntry) => {
  const { message, ...rest } = entry.log;
  onReport(message);
  const fields = {
    library: 'kafkajs',
    note: message,
    ...('error' in rest && typeof rest['error'] === 'string' ? { problem: rest['error'] } : {}),
    ...('broker' in rest && typeof rest['broker'] === 'string' ? { broker: rest['broker'] } : {}),
  };
  if (entry.level <= kafkajs.logLevel.WARN) log.debug(fields, 'Kafka client reports');
};

/**
 * A client of its own. One for each producer and consumer: kafkajs shares its cache of committed offsets between all
 * consumers of one client, and wipes it whenever one of them joins. `onReport` hears what the library says of itself.
 */
export const kafkaClient = (
  brokers: readonly string[],
  clientId: string,
  log: Logger,
  onReport: (message: string) => void = () => undefined,
): Kafka => {
  prepareLibrary();
  return new kafkajs.Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: 5_000,
    requestTimeout: 15_000,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: 8 },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: logThrough(log, onReport),
  });
};

const noHeaders: Readonly<Record<string, string>> = {};
const plainHeaders = (headers: IHeaders | undefined): Readonly<Record<string, string>> => {
  const entries = Object.entries(headers ?? noHeaders);
  if (entries.length === 0) return noHeaders;
  return Object.fromEntries(
    entries.flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.map(String).join(',') : value.toString()]],
    ),
  );
};

/**
 * The records of a batch. Their values are slices of the whole fetch buffer, and one that is kept would keep all of it:
 * handlers keep none past the batch.
 */
export const rawRecords = (payload: EachBatchPayload): RawRecord[] =>
  payload.batch.messages.map((message) => ({
    value: message.value,
    key: message.key?.toString(),
    headers: plainHeaders(message.headers),
    offset: BigInt(message.offset),
    timestampMs: Number(message.timestamp),
  }));

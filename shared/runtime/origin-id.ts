import { replayOrigin } from '../domain/replay-origin.ts';
import { requestIdOfRecord } from '../domain/request-ids.ts';
import type { BatchContext, Incoming } from './define-consumer.ts';

/**
 * The id of a record that brings none (`contract` §8): it comes from the record's origin, and a replayed one's from the
 * origin that its headers name, so that both are the same.
 */
export const originId = <T>(record: Incoming<T>, context: BatchContext): string => {
  const origin = replayOrigin(record.headers);
  return requestIdOfRecord({
    cluster: origin?.cluster ?? context.cluster,
    topic: origin?.topic ?? context.topic,
    partition: origin?.partition ?? context.partition,
    offset: origin?.offset ?? String(record.offset),
    timestampMs: origin?.timestampMs ?? record.timestampMs,
    value: record.raw,
  });
};

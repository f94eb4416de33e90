import { deadLetterHeaders } from '../../shared/contracts/topics.ts';
import { replayOrigin } from '../../shared/domain/replay-origin.ts';

export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly epoch: string;
  readonly consumer: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly recordKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  readonly firstFailedAt: Date;
}

export interface ReadRecord {
  readonly raw: Uint8Array;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly offset: bigint;
  readonly timestampMs: number;
}

// Postgres text holds no NUL, and a foreign header may.
const storable = (text: string): string => text.replaceAll('\u0000', '\uFFFD').toWellFormed();

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;

/**
 * A record of a `.dead` topic → what is kept of it. Headers that are missing or make no sense (a foreign producer wrote
 * it) are replaced by the record's own place: it is kept all the same.
 */
export const readDeadLetter = (
  record: ReadRecord,
  place: { readonly topic: string; readonly partition: number; readonly cluster: string },
): DeadLetter => {
  const headers = Object.fromEntries(
    Object.entries(record.headers).map(([name, value]) => [storable(name), storable(value)]),
  );
  const header = (name: keyof typeof deadLetterHeaders): string | undefined => headers[deadLetterHeaders[name]];
  const origin = replayOrigin(headers);
  const firstFailedAt = new Date(header('firstFailedAt') ?? Number.NaN);
  return {
    topic: origin?.topic ?? place.topic,
    partition: origin?.partition ?? place.partition,
    offset: origin?.offset ?? String(record.offset),
    epoch: header('cluster') ?? place.cluster,
    consumer: header('consumer') ?? '',
    code: header('code') ?? 'unknown',
    reason: header('message') ?? 'No reason was given.',
    attempts: wholeNumber(header('attempts')) ?? 1,
    recordKey: record.key === undefined ? undefined : storable(record.key),
    headers,
    payload: Buffer.from(record.raw),
    firstFailedAt: Number.isNaN(firstFailedAt.getTime()) ? new Date(Math.max(0, record.timestampMs)) : firstFailedAt,
  };
};

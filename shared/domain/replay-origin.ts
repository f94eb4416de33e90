import { deadLetterHeaders } from '../contracts/topics.ts';

/** Where a record that was sent back from the dead letters came from first. */
export interface ReplayOrigin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Absent when the headers do not say. */
  readonly cluster: string | undefined;
  readonly timestampMs: number | undefined;
}

/**
 * The origin that a record's headers name; undefined for a record that was not sent back. Any producer can write these
 * headers: what names no place is no origin, or its letters could not be told apart by theirs.
 */
export const replayOrigin = (headers: Readonly<Record<string, string>>): ReplayOrigin | undefined => {
  const topic = headers[deadLetterHeaders.topic] ?? '';
  const partition = headers[deadLetterHeaders.partition] ?? '';
  const offset = headers[deadLetterHeaders.offset] ?? '';
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || !/^\d{1,9}$/.test(partition) || !/^\d{1,18}$/.test(offset))
    return undefined;
  const timestamp = headers[deadLetterHeaders.timestamp] ?? '';
  return {
    topic,
    partition: Number(partition),
    offset,
    cluster: headers[deadLetterHeaders.cluster],
    timestampMs: /^-?\d{1,15}$/.test(timestamp) ? Number(timestamp) : undefined,
  };
};

import type { Database } from './connect.ts';

export interface PartitionKey {
  readonly groupId: string;
  readonly topic: string;
  /** Kafka's cluster id and the number that an operator raises. */
  readonly topicEpoch: string;
  readonly partition: number;
}

/** Locks and reads the fence of a partition; undefined when nothing of it was counted yet (the row is made and locked). */
export const lockFence = async (
  db: Database,
  key: PartitionKey,
): Promise<{ readonly nextOffset: bigint; readonly lastTimestampMs: number } | undefined> => {
  const { rows } = await db.query<{ next_offset: string; last_timestamp: string }>(
    `insert into consumer_offsets as o (group_id, topic, topic_epoch, partition, next_offset, last_timestamp)
     values ($1, $2, $3, $4, -1, 0)
     on conflict (group_id, topic, topic_epoch, partition) do update set updated_at = now()
     returning next_offset, last_timestamp`,
    [key.groupId, key.topic, key.topicEpoch, key.partition],
  );
  const [row] = rows;
  return row === undefined || row.next_offset === '-1'
    ? undefined
    : { nextOffset: BigInt(row.next_offset), lastTimestampMs: Number(row.last_timestamp) };
};

/** Moves the fence; in the transaction whose counts it guards. */
export const moveFence = async (
  db: Database,
  key: PartitionKey,
  fence: { readonly nextOffset: bigint; readonly lastTimestampMs: number },
): Promise<void> => {
  await db.query(
    `update consumer_offsets set next_offset = $5, last_timestamp = $6, updated_at = now()
     where group_id = $1 and topic = $2 and topic_epoch = $3 and partition = $4`,
    [key.groupId, key.topic, key.topicEpoch, key.partition, String(fence.nextOffset), fence.lastTimestampMs],
  );
};

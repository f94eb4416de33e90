import type { Database } from './connect.ts';
import type { PartitionKey } from './consumer-offsets.ts';

/** Up to which of its records each of the producers was counted on this partition. Under the partition's fence. */
export const loadMarks = async (
  db: Database,
  key: PartitionKey,
  producers: readonly string[],
): Promise<ReadonlyMap<string, number>> => {
  if (producers.length === 0) return new Map();
  const { rows } = await db.query<{ producer: string; sequence: string }>(
    `select producer, sequence from producer_marks
     where topic = $1 and topic_epoch = $2 and partition = $3 and producer = any($4::uuid[])`,
    [key.topic, key.topicEpoch, key.partition, producers],
  );
  return new Map(rows.map((row) => [row.producer, Number(row.sequence)]));
};

/** Moves the marks, in the transaction whose counts they guard. */
export const moveMarks = async (db: Database, key: PartitionKey, marks: ReadonlyMap<string, number>): Promise<void> => {
  if (marks.size === 0) return;
  await db.query(
    `insert into producer_marks (topic, topic_epoch, partition, producer, sequence)
     select $1, $2, $3, m.* from unnest($4::uuid[], $5::bigint[]) as m
     on conflict (topic, topic_epoch, partition, producer) do update set sequence = excluded.sequence, updated_at = now()`,
    [key.topic, key.topicEpoch, key.partition, [...marks.keys()], [...marks.values()]],
  );
};

/** Forgets producers that have sent nothing for longer than their topic keeps records. Answers how many marks went. */
export const purgeMarks = async (db: Database, days: number, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from producer_marks where ctid = any(array(
       select ctid from producer_marks where updated_at < now() - $1::int * interval '1 day' limit $2))`,
    [days, limit],
  );
  return rowCount ?? 0;
};

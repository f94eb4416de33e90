import type { Database } from './connect.ts';

export interface DeadLetterRow {
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

/**
 * Stores dead letters, each once by its origin; one that failed again after a replay is brought up to date, with what was
 * edited of it. A discarded one stays so, however often its record is read.
 */
export const storeDeadLetters = async (db: Database, letters: readonly DeadLetterRow[]): Promise<void> => {
  if (letters.length === 0) return;
  const latest = new Map(
    letters.map((letter) => [`${letter.topic}\n${letter.partition}\n${letter.offset}\n${letter.epoch}`, letter]),
  );
  const rows = [...latest.values()];
  await db.query(
    `insert into dead_letters as d (topic, partition, "offset", epoch, consumer, code, reason, attempts, record_key, headers, payload, first_failed_at)
     select * from unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[],
                          $9::text[], $10::jsonb[], $11::bytea[], $12::timestamptz[])
     on conflict (topic, partition, "offset", epoch) do update set
       code = excluded.code, reason = excluded.reason, attempts = excluded.attempts, headers = excluded.headers,
       payload = excluded.payload, stored_at = now(), replayed_at = null
     where d.attempts < excluded.attempts and d.discarded_at is null`,
    [
      rows.map((row) => row.topic),
      rows.map((row) => row.partition),
      rows.map((row) => row.offset),
      rows.map((row) => row.epoch),
      rows.map((row) => row.consumer),
      rows.map((row) => row.code),
      rows.map((row) => row.reason),
      rows.map((row) => row.attempts),
      rows.map((row) => row.recordKey ?? null),
      rows.map((row) => JSON.stringify(row.headers)),
      rows.map((row) => row.payload),
      rows.map((row) => row.firstFailedAt),
    ],
  );
};

import type { RecipientData } from './claim-messages.ts';
import type { Database } from './connect.ts';

/** A call of an ESP that knows its own repeats: its messages and their attempts, in the order of the call. */
export interface NotedCall {
  readonly id: string;
  readonly esp: string;
  readonly leaseToken: string;
  readonly messageIds: readonly string[];
  readonly attempts: readonly number[];
}

/** Writes calls down before they are made. */
export const noteCalls = async (db: Database, calls: readonly NotedCall[]): Promise<void> => {
  if (calls.length === 0) return;
  await db.query(
    `insert into esp_calls (id, esp, lease_token, message_ids, attempts)
     select (c->>'id')::uuid, c->>'esp', (c->>'leaseToken')::uuid,
            array(select m::uuid from jsonb_array_elements_text(c->'messageIds') with ordinality as e(m, n) order by n),
            array(select a::smallint from jsonb_array_elements_text(c->'attempts') with ordinality as e(a, n) order by n)
     from jsonb_array_elements($1::jsonb) as c`,
    [JSON.stringify(calls)],
  );
};

/** The calls that were made under leases. */
export const callsUnder = async (db: Database, leaseTokens: readonly string[]): Promise<readonly NotedCall[]> => {
  if (leaseTokens.length === 0) return [];
  const { rows } = await db.query<{
    id: string;
    esp: string;
    lease_token: string;
    message_ids: string[];
    attempts: number[];
  }>(
    'select id, esp, lease_token, message_ids, attempts from esp_calls where lease_token = any($1::uuid[]) order by id',
    [leaseTokens],
  );
  return rows.map((row) => ({
    id: row.id,
    esp: row.esp,
    leaseToken: row.lease_token,
    messageIds: row.message_ids,
    attempts: row.attempts,
  }));
};

/** What a delivery is made of, as it was stored. */
export interface StoredRecipient {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly data: RecipientData | null;
}

/** Recipients by the ids of their messages, whatever became of those. */
export const loadRecipients = async (
  db: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StoredRecipient>> => {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<StoredRecipient>(
    'select id, email, name, data from messages where id = any($1::uuid[])',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
};

/** Forgets calls that their ESP has forgotten, too; answers how many, at most `limit`. */
export const purgeCalls = async (db: Database, hours: number, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from esp_calls where id in (
       select id from esp_calls where made_at < now() - $1::int * interval '1 hour' order by made_at limit $2 for update skip locked)`,
    [hours, limit],
  );
  return rowCount ?? 0;
};

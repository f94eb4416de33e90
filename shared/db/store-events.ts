import type { Database } from './connect.ts';
import type { MessageState } from '../domain/message-state.ts';

export interface EventRow {
  readonly esp: string;
  readonly day: string;
  readonly hash: string;
  readonly messageId: string | undefined;
  readonly type: string;
  readonly at: Date;
  readonly domain: string;
  readonly bounceClass: string | undefined;
  readonly machine: boolean;
  readonly reason: string | undefined;
  readonly raw: unknown;
}

/** What names an event among all: its ESP, its day and the hash of its id. */
export const eventKey = (event: { readonly esp: string; readonly day: string; readonly hash: string }): string =>
  `${event.esp}\n${event.day}\n${event.hash}`;

/** Stores the events that are not stored yet, in one statement. Answers the keys (`eventKey`) of those that are new. */
export const insertEvents = async (db: Database, given: readonly EventRow[]): Promise<ReadonlySet<string>> => {
  if (given.length === 0) return new Set();
  // In one order for all writers: a repeat may lie on two partitions, and each would wait for the other's.
  const events = [...given].sort((a, b) => (eventKey(a) < eventKey(b) ? -1 : 1));
  const { rows } = await db.query<{ esp: string; day: string; hash: string }>(
    `insert into events (esp, event_day, event_hash, message_id, type, at, domain, bounce_class, machine, reason, raw)
     select * from unnest($1::text[], $2::date[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[],
                          $8::text[], $9::bool[], $10::text[], $11::jsonb[])
     on conflict (esp, event_day, event_hash) do nothing
     returning esp, event_day::text as day, event_hash as hash`,
    [
      events.map((event) => event.esp),
      events.map((event) => event.day),
      events.map((event) => event.hash),
      events.map((event) => event.messageId ?? null),
      events.map((event) => event.type),
      events.map((event) => event.at),
      events.map((event) => event.domain),
      events.map((event) => event.bounceClass ?? null),
      events.map((event) => event.machine),
      events.map((event) => event.reason ?? null),
      events.map((event) => (event.raw === undefined ? null : JSON.stringify(event.raw))),
    ],
  );
  return new Set(rows.map(eventKey));
};

/** What an event without our ids still says about the message it belongs to. */
export interface MessageClue {
  readonly esp: string;
  readonly recipient: string;
  /** The ESP's id of the message or call, where it said it. */
  readonly providerMessageId: string | undefined;
  readonly at: Date;
}

/**
 * The messages that clues point at, in the clues' order: the newest to this recipient through this ESP within the eight
 * days before the event (as long as ESPs retry), under the same ESP id where one is known. An attempt whose answer is
 * not recorded yet has no id, and matches too.
 */
export const findMessages = async (db: Database, clues: readonly MessageClue[]): Promise<(string | undefined)[]> => {
  if (clues.length === 0) return [];
  const { rows } = await db.query<{ n: string; id: string }>(
    `select distinct on (c.n) c.n, m.id
     from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) with ordinality as c(esp, recipient, provider_message_id, at, n)
     join messages m on lower(m.email) = lower(c.recipient) and m.esp = c.esp
       and m.created_at between c.at - interval '8 days' and c.at + interval '5 minutes'
       and (c.provider_message_id is null or m.provider_message_id = c.provider_message_id
            or (m.provider_message_id is null and m.status in ('sending', 'unknown')))
     order by c.n, m.created_at desc`,
    [
      clues.map((clue) => clue.esp),
      clues.map((clue) => clue.recipient),
      clues.map((clue) => clue.providerMessageId ?? null),
      clues.map((clue) => clue.at),
    ],
  );
  const found = new Map(rows.map((row) => [Number(row.n) - 1, row.id]));
  return clues.map((_, index) => found.get(index));
};

export interface LockedMessage {
  readonly id: string;
  readonly status: MessageState;
  readonly opens: number;
  readonly clicks: number;
  readonly esp: string;
  readonly requestId: string;
  readonly email: string;
  readonly attempt: number;
  readonly accountId: string;
  readonly mailboxProvider: string;
  readonly batchId: string;
  /** Null for requests of older versions. */
  readonly senderDomain: string | null;
  /** When the latest attempt began: the time of sending that statistics go by. */
  readonly claimedAt: Date;
  /** Since then, by Postgres's clock. */
  readonly sinceClaimMs: number;
}

/** Locks messages in the order of their ids and reads what events may change. Ids that nobody knows are left out. */
export const lockMessages = async (db: Database, ids: readonly string[]): Promise<LockedMessage[]> => {
  if (ids.length === 0) return [];
  const { rows } = await db.query<{
    id: string;
    status: MessageState;
    opens: number;
    clicks: number;
    esp: string;
    request_id: string;
    email: string;
    attempt: number;
    account_id: string;
    mailbox_provider: string;
    batch_id: string;
    sender_domain: string | null;
    claimed_at: Date;
    since_claim_ms: number;
  }>(
    `select m.id, m.status, m.opens, m.clicks, m.esp, m.request_id, m.email, m.attempt, m.account_id, m.mailbox_provider, m.batch_id, r.sender_domain,
            coalesce(m.claimed_at, m.created_at) as claimed_at,
            (extract(epoch from now() - coalesce(m.claimed_at, m.created_at)) * 1000)::float8 as since_claim_ms
     from messages m left join requests r on r.id = m.request_id
     where m.id = any($1::uuid[]) order by m.id for no key update of m`,
    [ids],
  );
  return rows.map((row) => ({
    id: row.id,
    status: row.status,
    opens: row.opens,
    clicks: row.clicks,
    esp: row.esp,
    requestId: row.request_id,
    email: row.email,
    attempt: row.attempt,
    accountId: row.account_id,
    mailboxProvider: row.mailbox_provider,
    batchId: row.batch_id,
    senderDomain: row.sender_domain,
    claimedAt: row.claimed_at,
    sinceClaimMs: row.since_claim_ms,
  }));
};

/** The types of a message's stored events, without the named ones, by the message's id. */
export const storedTypes = async (
  db: Database,
  ids: readonly string[],
  withoutHashes: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> => {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; types: string[] }>(
    `select message_id as id, array_agg(distinct type) as types from events
     where message_id = any($1::uuid[]) and event_hash <> all($2::uuid[]) group by message_id`,
    [ids, withoutHashes],
  );
  return new Map(rows.map((row) => [row.id, row.types]));
};

/** Writes what events made of locked messages. A message that was waiting to be sent again no longer is. */
export const updateMessageStates = async (
  db: Database,
  changes: readonly {
    readonly id: string;
    readonly status: MessageState;
    readonly opens: number;
    readonly clicks: number;
    readonly unsubscribedAt: Date | undefined;
    readonly reason: string | undefined;
  }[],
): Promise<void> => {
  if (changes.length === 0) return;
  await db.query(
    `update messages m set status = c.status, opens = c.opens, clicks = c.clicks, due_at = null,
            unsubscribed_at = coalesce(m.unsubscribed_at, c.unsubscribed_at), reason = coalesce(c.reason, m.reason), updated_at = now()
     from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::timestamptz[], $6::text[]) as c(id, status, opens, clicks, unsubscribed_at, reason)
     where m.id = c.id`,
    [
      changes.map((change) => change.id),
      changes.map((change) => change.status),
      changes.map((change) => change.opens),
      changes.map((change) => change.clicks),
      changes.map((change) => change.unsubscribedAt ?? null),
      changes.map((change) => change.reason ?? null),
    ],
  );
};

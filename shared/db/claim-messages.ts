import type { SealedValues, TemplateValues } from '../contracts/email.ts';
import { erasedAddress } from '../domain/erase-from-payload.ts';
import type { Database } from './connect.ts';

/** What a recipient brings beyond its address. */
export interface RecipientData {
  readonly substitutions?: TemplateValues | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly sealed?: SealedValues | undefined;
  readonly cc?: readonly string[] | undefined;
  readonly bcc?: readonly string[] | undefined;
}

export interface NewMessage {
  readonly id: string;
  readonly requestId: string;
  readonly accountId: string;
  readonly position: number;
  readonly email: string;
  readonly name: string | null;
  readonly data: RecipientData | null;
  readonly mailboxProvider: string;
  readonly batchId: string;
  readonly esp: string;
  /** Not before this time, as ISO 8601; null for at once. */
  readonly sendAt: string | null;
  /** Why it has to wait until then, when nobody asked for it. */
  readonly waitsFor?: string | undefined;
  /** How long the claim holds, in ms. */
  readonly leaseMs: number;
  /** Why it must not be sent at all: then it is stored as `suppressed`. */
  readonly suppressed?: string | undefined;
  /**
   * Its request was cancelled; it is paused; or it waits for its batch's turn, without a time of its own. None of them is
   * claimed.
   */
  readonly hold?: 'cancelled' | 'paused' | 'turn' | undefined;
}

/** What became of new messages: those to be sent now, and those that were stored as `suppressed` or `cancelled`, with the time of it. */
export interface StoredMessages {
  readonly claimed: ReadonlySet<string>;
  readonly suppressed: ReadonlyMap<string, Date>;
  readonly cancelled: ReadonlyMap<string, Date>;
}

/**
 * Stores messages that are not stored yet and claims them under the token (attempt 1), all in one statement. Answers
 * the ids that are now ours to send, and those that are over: neither those that existed (a redelivery), nor those
 * whose time has not come.
 */
export const insertAndClaim = async (
  db: Database,
  messages: readonly NewMessage[],
  leaseToken: string,
): Promise<StoredMessages> => {
  if (messages.length === 0) return { claimed: new Set(), suppressed: new Map(), cancelled: new Map() };
  const { rows } = await db.query<{ id: string; status: string; at: Date }>(
    `with stored as (
       insert into messages (id, request_id, account_id, position, email, name, data, mailbox_provider, batch_id, esp,
                             status, attempt, lease_token, lease_until, claimed_at, due_at, held_due_at, reason)
       select id, request_id, account_id, position, email, name, data, mailbox_provider, batch_id, esp,
              case when suppressed is not null then 'suppressed' when hold = 'cancelled' then 'cancelled'
                   when is_later then 'scheduled' else 'sending' end,
              case when is_now then 1 else 0 end,
              case when is_now then $12::uuid end,
              case when is_now then now() + lease_ms * interval '1 ms' end,
              case when is_now then now() end,
              case when is_later and suppressed is null and hold is null then send_at end,
              case when suppressed is null and hold = 'paused' then coalesce(send_at, now()) end,
              coalesce(suppressed, case when hold = 'cancelled' then 'It was cancelled.' when is_later then waits_for end)
       from (select *, hold is not null or coalesce(send_at > now(), false) as is_later,
                    suppressed is null and hold is null and coalesce(send_at <= now(), true) as is_now
             from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
                         $9::text[], $10::text[], $11::timestamptz[], $13::int[], $14::text[], $15::text[], $16::text[])
               as m(id, request_id, account_id, position, email, name, data, mailbox_provider, batch_id, esp, send_at, lease_ms,
                    waits_for, suppressed, hold)) m
       on conflict (id) do nothing
       returning id, status
     ) select id, status, now() as at from stored where status in ('sending', 'suppressed', 'cancelled')`,
    [
      messages.map((message) => message.id),
      messages.map((message) => message.requestId),
      messages.map((message) => message.accountId),
      messages.map((message) => message.position),
      messages.map((message) => message.email),
      messages.map((message) => message.name),
      messages.map((message) => (message.data === null ? null : JSON.stringify(message.data))),
      messages.map((message) => message.mailboxProvider),
      messages.map((message) => message.batchId),
      messages.map((message) => message.esp),
      messages.map((message) => message.sendAt),
      leaseToken,
      messages.map((message) => message.leaseMs),
      messages.map((message) => message.waitsFor ?? null),
      messages.map((message) => message.suppressed ?? null),
      messages.map((message) => message.hold ?? null),
    ],
  );
  const over = (wanted: string): ReadonlyMap<string, Date> =>
    new Map(rows.flatMap(({ id, status, at }) => (status === wanted ? [[id, at] as const] : [])));
  return {
    claimed: new Set(rows.flatMap(({ id, status }) => (status === 'sending' ? [id] : []))),
    suppressed: over('suppressed'),
    cancelled: over('cancelled'),
  };
};

/** A stored message whose time has come. */
export interface DueMessage {
  readonly id: string;
  readonly requestId: string;
  readonly accountId: string;
  readonly email: string;
  readonly name: string | null;
  readonly data: RecipientData | null;
  readonly mailboxProvider: string;
  readonly batchId: string;
  /** The ESP of the last attempt, or the planned one when there was none. */
  readonly esp: string;
  /** Attempts up to now. */
  readonly attempt: number;
  /** Why it waited, or what its last attempt met; null when it only waited for its time. */
  readonly reason: string | null;
  /** Since its acceptance, by Postgres's clock. */
  readonly ageMs: number;
  /** The attempt of which nobody knows whether it was sent, if there is one. */
  readonly unsure: { readonly attempt: number; readonly leaseToken: string; readonly isRecent: boolean } | undefined;
}

// An ESP remembers its calls for a day; a repeat must not come after that, nor the repeat of a repeat.
const repeatWithinHours = 11;

/** Locks those of the messages that wait and are due; others (sent meanwhile, moved, cancelled, erased) are left out. */
export const lockDueMessages = async (db: Database, ids: readonly string[]): Promise<DueMessage[]> => {
  const { rows } = await db.query<{
    id: string;
    request_id: string;
    account_id: string;
    email: string;
    name: string | null;
    data: RecipientData | null;
    mailbox_provider: string;
    batch_id: string;
    esp: string;
    attempt: number;
    reason: string | null;
    age_ms: number;
    unsure_attempt: number | null;
    unsure_token: string | null;
    is_recent: boolean;
  }>(
    `select id, request_id, account_id, email, name, data, mailbox_provider, batch_id, esp, attempt, reason,
            (extract(epoch from now() - created_at) * 1000)::float8 as age_ms, unsure_attempt, unsure_token,
            coalesce(claimed_at > now() - interval '${repeatWithinHours} hours', false) as is_recent
     from messages where id = any($1::uuid[]) and status in ('queued', 'scheduled') and due_at <= now() and email <> $2
     order by id for update skip locked`,
    [ids, erasedAddress],
  );
  return rows.map((row) => ({
    id: row.id,
    requestId: row.request_id,
    accountId: row.account_id,
    email: row.email,
    name: row.name,
    data: row.data,
    mailboxProvider: row.mailbox_provider,
    batchId: row.batch_id,
    esp: row.esp,
    attempt: row.attempt,
    reason: row.reason,
    ageMs: row.age_ms,
    unsure:
      row.unsure_attempt === null || row.unsure_token === null
        ? undefined
        : { attempt: row.unsure_attempt, leaseToken: row.unsure_token, isRecent: row.is_recent },
  }));
};

/**
 * Claims locked messages under the token: the next attempt, through the named ESP. Where nobody knows what became of an
 * attempt before, the message says from now on that it may come twice - unless this is a repeat of the very same call.
 */
export const claimDue = async (
  db: Database,
  claims: readonly {
    readonly id: string;
    readonly esp: string;
    readonly leaseMs: number;
    readonly isRepeat: boolean;
  }[],
  leaseToken: string,
): Promise<void> => {
  if (claims.length === 0) return;
  await db.query(
    `update messages m set status = 'sending', attempt = m.attempt + 1, esp = c.esp, lease_token = $3::uuid,
            lease_until = now() + c.lease_ms * interval '1 ms', claimed_at = now(), due_at = null, updated_at = now(),
            duplicate_suspected = m.duplicate_suspected or (m.unsure_attempt is not null and not c.is_repeat),
            unsure_attempt = case when c.is_repeat then m.unsure_attempt end,
            unsure_token = case when c.is_repeat then m.unsure_token end
     from unnest($1::uuid[], $2::text[], $4::int[], $5::bool[]) as c(id, esp, lease_ms, is_repeat) where m.id = c.id`,
    [
      claims.map((claim) => claim.id),
      claims.map((claim) => claim.esp),
      leaseToken,
      claims.map((claim) => claim.leaseMs),
      claims.map((claim) => claim.isRepeat),
    ],
  );
};

/** Ends locked messages that are not to be sent, each with its reason; answers when. */
export const endDue = async (
  db: Database,
  status: 'failed' | 'suppressed' | 'cancelled',
  messages: readonly { readonly id: string; readonly reason: string }[],
): Promise<ReadonlyMap<string, Date>> => {
  if (messages.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; at: Date }>(
    `update messages m set status = $3, reason = f.reason, lease_token = null, lease_until = null, due_at = null, updated_at = now()
     from unnest($1::uuid[], $2::text[]) as f(id, reason) where m.id = f.id
     returning m.id, now() as at`,
    [messages.map((message) => message.id), messages.map((message) => message.reason), status],
  );
  return new Map(rows.map(({ id, at }) => [id, at]));
};

/** Takes copies away from locked messages: what is left of their data. */
export const replaceData = async (
  db: Database,
  messages: readonly { readonly id: string; readonly data: RecipientData | null }[],
): Promise<void> => {
  if (messages.length === 0) return;
  await db.query(
    `update messages m set data = d.data from unnest($1::uuid[], $2::jsonb[]) as d(id, data) where m.id = d.id`,
    [messages.map(({ id }) => id), messages.map(({ data }) => (data === null ? null : JSON.stringify(data)))],
  );
};

/** Puts locked messages off to their times, each with its reason. */
export const putOffDue = async (
  db: Database,
  waits: ReadonlyMap<string, { readonly until: string; readonly reason: string }>,
): Promise<void> => {
  if (waits.size === 0) return;
  await db.query(
    `update messages m set status = 'scheduled', due_at = p.until, reason = p.reason, lease_until = null, updated_at = now()
     from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as p(id, until, reason) where m.id = p.id`,
    [[...waits.keys()], [...waits.values()].map(({ until }) => until), [...waits.values()].map(({ reason }) => reason)],
  );
};

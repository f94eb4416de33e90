import { createHash } from 'node:crypto';
import { usualThreshold } from '../domain/judge-domain.ts';
import type { Database } from './connect.ts';
import { loadThreshold } from './domain-totals.ts';
import { judgeAllDomains } from './judge-domains.ts';
import { lockJudging } from './judged.ts';

/** By what the rows of one seed are known: how its requests' ids end, and between which its decisions' ids lie. */
export interface SeedMark {
  readonly requestSuffix: string;
  readonly decisions: { readonly first: number; readonly last: number };
}

/** Keeps other loads of the same seed out until the transaction ends. */
export const lockSeed = async (db: Database, mark: SeedMark): Promise<void> => {
  const lock = createHash('sha256').update(`mailfleet ${mark.requestSuffix}`).digest().readInt32BE(0);
  await db.query('select pg_advisory_xact_lock($1)', [lock]);
};

/** How many messages of a seed are there, and the newest's time; undefined when there are none. */
export const findSeeded = async (
  db: Database,
  mark: SeedMark,
): Promise<{ readonly messages: number; readonly newest: Date } | undefined> => {
  const { rows } = await db.query<{ messages: string | null; newest: Date | null }>(
    `select sum(total) as messages, max(created_at) as newest from requests where right(id, length($1)) = $1`,
    [mark.requestSuffix],
  );
  const { messages, newest } = rows[0] ?? { messages: null, newest: null };
  return messages === null || newest === null ? undefined : { messages: Number(messages), newest };
};

const outcomes = ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained'] as const;
const less = outcomes.map((outcome) => `${outcome} = t.${outcome} - c.${outcome}`).join(', ');
const sums = outcomes.map((outcome) => `sum(${outcome}) as ${outcome}`).join(', ');
const isEmpty = [...outcomes, 'failed'].map((outcome) => `t.${outcome} = 0`).join(' and ');
const sameRoute = 't.account_id = c.account_id and t.esp = c.esp and t.mailbox_provider = c.mailbox_provider';
const sameHour = `${sameRoute} and t.batch_id = c.batch_id and t.minute = c.hour`;

// What the messages of a seed had added to the counters, once more.
const collectSeeded = async (db: Database, mark: SeedMark): Promise<void> => {
  await db.query(
    `create temp table seeded on commit drop as
     select m.id, m.account_id, m.esp, m.mailbox_provider, m.batch_id, date_trunc('hour', m.claimed_at, 'UTC') as hour,
            (m.status <> 'failed')::int as sent, (m.opens > 0)::int as opened, (m.clicks > 0)::int as clicked
     from messages m join requests r on r.id = m.request_id where right(r.id, length($1)) = $1`,
    [mark.requestSuffix],
  );
  await db.query(
    `create temp table seeded_events on commit drop as
     select e.esp, e.event_day, e.event_hash, e.message_id, e.type, e.domain,
            e.type = 'bounced' and e.bounce_class = 'hard' as is_hard
     from events e join seeded s on s.id = e.message_id`,
  );
  await db.query(
    `create temp table seeded_counts on commit drop as
     with outcomes as (
       select message_id, bool_or(type = 'delivered')::int as delivered, bool_or(type = 'bounced')::int as bounced,
              bool_or(type = 'complained')::int as complained
       from seeded_events group by message_id
     ), counted as (
       select s.*, coalesce(o.delivered, 0) as delivered, coalesce(o.bounced, 0) as bounced,
              coalesce(o.complained, 0) as complained
       from seeded s left join outcomes o on o.message_id = s.id
     )
     select account_id, esp, mailbox_provider, batch_id, hour, ${sums} from counted
     group by account_id, esp, mailbox_provider, batch_id, hour`,
  );
};

const takeOffCounters = async (db: Database): Promise<void> => {
  const routes = `(select account_id, esp, mailbox_provider, ${sums} from seeded_counts group by 1, 2, 3)`;
  await db.query(`update esp_statistics t set ${less} from seeded_counts c where ${sameHour}`);
  await db.query(`delete from esp_statistics t using seeded_counts c where ${sameHour} and ${isEmpty}`);
  await db.query(`update esp_totals t set ${less} from ${routes} c where ${sameRoute}`);
  await db.query(`delete from esp_totals t using ${routes} c where ${sameRoute} and ${isEmpty}`);
  // Whose bounce was the first cannot be told any more once others have bounced too; then the time stays.
  await db.query(
    `update domain_counters t set delivered = t.delivered - c.delivered, bounced = t.bounced - c.bounced,
            first_bounce_at = case when t.bounced > c.bounced then t.first_bounce_at end, updated_at = now()
     from (select domain, count(*) filter (where type = 'delivered') as delivered, count(*) filter (where is_hard) as bounced
           from seeded_events group by domain) c
     where t.domain = c.domain`,
  );
  await db.query(
    `delete from domain_counters t where delivered = 0 and bounced = 0 and domain in (select domain from seeded_events)`,
  );
};

/**
 * Removes all rows of a seed. Counters hold its mail together with everybody else's, so what its messages had added is
 * counted once more and taken off. Runs in the caller's transaction; answers how many messages went.
 */
export const removeSeeded = async (db: Database, mark: SeedMark): Promise<number> => {
  await collectSeeded(db, mark);
  // Before the counters are touched: whoever counts would hold it, and wait for them.
  await lockJudging(db, 'alone');
  await takeOffCounters(db);
  await db.query(
    `delete from events e using seeded_events s
     where e.esp = s.esp and e.event_day = s.event_day and e.event_hash = s.event_hash`,
  );
  await db.query('delete from attempts a using seeded s where a.message_id = s.id');
  const removed = await db.query('delete from messages m using seeded s where m.id = s.id');
  await db.query('delete from requests where right(id, length($1)) = $1', [mark.requestSuffix]);
  // A fleet that found nothing newer may have sent by one of them; what its requests point to stays.
  await db.query(
    `delete from weight_decisions d where id between $1 and $2
       and not exists (select from requests r where r.decision_id = d.id)`,
    [mark.decisions.first, mark.decisions.last],
  );
  await db.query('drop table seeded, seeded_events, seeded_counts');
  await judgeAllDomains(db, (await loadThreshold(db)) ?? usualThreshold, undefined);
  return removed.rowCount ?? 0;
};

/** Makes the accounts of the invented data, each with the domain that its mail is from, where they are not there yet. */
export const seedAccountRows = async (db: Database, ids: readonly string[]): Promise<void> => {
  await db.query(
    `insert into accounts (id, name, sender_domains, limits)
     select id, id, array[id || '.example'], '{}' from unnest($1::text[]) as s(id) on conflict (id) do nothing`,
    [ids],
  );
};

/** Says of the seeded ESPs that they have told outcomes since `since`, a second or two after each message. */
export const seedDelays = async (db: Database, esps: readonly string[], since: Date): Promise<void> => {
  await db.query(
    `insert into outcome_delays as t (esp, bucket, count, min_ms, max_ms, since)
     select esp, 4, 1000, 1000, 2000, $2 from unnest($1::text[]) as e(esp)
     on conflict (esp, bucket) do update set since = least(t.since, excluded.since)`,
    [esps, since],
  );
};

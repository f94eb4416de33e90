import type { Database } from './connect.ts';

/** What is to be written about one attempt that has ended. */
export interface AnswerRow {
  readonly id: string;
  readonly attempt: number;
  readonly leaseToken: string;
  readonly esp: string;
  readonly step: 'sent' | 'unknown' | 'retry' | 'failed' | 'next-esp' | 'suppressed';
  readonly providerMessageId: string | null;
  /** The ESP's own words, shortened; null when it took the message. */
  readonly error: string | null;
  /** Why it has failed or was suppressed, in plain words; only where it was. They stand before the ESP's. */
  readonly failure?: string | undefined;
  /** `retry`: until the next try; `unknown`: how long a webhook may settle it. In ms. */
  readonly waitMs: number | null;
  /** `next-esp`: who is asked next, under the same lease. */
  readonly nextEsp: string | null;
  readonly leaseMs: number;
}

/** An attempt that was still ours to write. */
export interface RecordedAnswer {
  readonly id: string;
  readonly accountId: string;
  readonly mailboxProvider: string;
  readonly batchId: string;
  readonly claimedAt: Date;
  readonly requestId: string;
  readonly email: string;
  /** The state it has now, and since when; an earlier one where a webhook had moved it. */
  readonly status: string;
  readonly at: Date;
  readonly reason: string | null;
  /** True when a webhook had already moved the message on. */
  readonly wasMoved: boolean;
}

const attemptStates: Readonly<Record<AnswerRow['step'], string>> = {
  sent: 'accepted',
  unknown: 'unknown',
  retry: 'refused',
  failed: 'refused',
  'next-esp': 'refused',
  suppressed: 'refused',
};
/** Why a message is in its state: our own words before the ESP's. */
const reasonOf = ({ failure, error }: AnswerRow): string | null =>
  [failure, error].filter((words) => words !== undefined && words !== null).join(' ') || null;

const nextStates: Readonly<Record<AnswerRow['step'], string>> = {
  sent: 'sent',
  unknown: 'unknown',
  retry: 'queued',
  failed: 'failed',
  'next-esp': 'sending',
  suppressed: 'suppressed',
};

/**
 * Writes the ends of attempts: a row each in `attempts`, and the message's next state. One statement. An answer whose
 * lease was lost meanwhile (the reaper took it, another process has it) is dropped and not among the result. A state
 * that a webhook set first is kept.
 */
export const recordAnswers = async (db: Database, answers: readonly AnswerRow[]): Promise<RecordedAnswer[]> => {
  if (answers.length === 0) return [];
  const { rows } = await db.query<{
    id: string;
    account_id: string;
    mailbox_provider: string;
    batch_id: string;
    claimed_at: Date;
    status: string;
    request_id: string;
    email: string;
    at: Date;
  }>(
    `with given as (
       select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                            $9::int[], $10::text[], $11::int[], $12::text[])
         as g(id, attempt, lease_token, esp, attempt_state, next_state, provider_message_id, error, wait_ms, next_esp, lease_ms, reason)
     ), held as (
       select m.id, m.account_id, m.mailbox_provider, m.batch_id, m.claimed_at, m.status, m.request_id, m.email
       from messages m join given g using (id)
       where m.attempt = g.attempt and m.lease_token = g.lease_token
       order by m.id for update of m
     ), kept as (
       insert into attempts (message_id, number, esp, state, started_at, finished_at, provider_message_id, error)
       select g.id, g.attempt, g.esp, g.attempt_state, h.claimed_at, now(), g.provider_message_id, g.error
       from given g join held h using (id)
       on conflict (message_id, number) do nothing
     ), moved as (
       update messages m set
         status = case when m.status = 'sending' then g.next_state else m.status end,
         attempt = m.attempt + case when g.next_esp is null then 0 else 1 end,
         esp = coalesce(g.next_esp, m.esp),
         unsure_attempt = case when m.status = 'sending' and g.next_state = 'unknown' then coalesce(m.unsure_attempt, m.attempt)
                               else m.unsure_attempt end,
         unsure_token = case when m.status = 'sending' and g.next_state = 'unknown' then coalesce(m.unsure_token, m.lease_token)
                             else m.unsure_token end,
         lease_token = case when g.next_esp is null then null else m.lease_token end,
         lease_until = case when g.next_esp is null then null else now() + g.lease_ms * interval '1 ms' end,
         claimed_at = case when g.next_esp is null then m.claimed_at else now() end,
         due_at = case when m.status = 'sending' and g.wait_ms is not null then now() + g.wait_ms * interval '1 ms' end,
         provider_message_id = coalesce(g.provider_message_id, m.provider_message_id),
         reason = g.reason,
         updated_at = now()
       from given g join held h using (id) where m.id = g.id
     )
     select *, now() as at from held`,
    [
      answers.map((answer) => answer.id),
      answers.map((answer) => answer.attempt),
      answers.map((answer) => answer.leaseToken),
      answers.map((answer) => answer.esp),
      answers.map((answer) => attemptStates[answer.step]),
      answers.map((answer) => nextStates[answer.step]),
      answers.map((answer) => answer.providerMessageId),
      answers.map((answer) => answer.error),
      answers.map((answer) => answer.waitMs),
      answers.map((answer) => answer.nextEsp),
      answers.map((answer) => answer.leaseMs),
      answers.map(reasonOf),
    ],
  );
  const given = new Map(answers.map((answer) => [answer.id, answer]));
  return rows.map((row) => {
    const answer = given.get(row.id);
    const wasMoved = row.status !== 'sending';
    return {
      id: row.id,
      accountId: row.account_id,
      mailboxProvider: row.mailbox_provider,
      batchId: row.batch_id,
      claimedAt: row.claimed_at,
      requestId: row.request_id,
      email: row.email,
      status: wasMoved || answer === undefined ? row.status : nextStates[answer.step],
      at: row.at,
      reason: answer === undefined ? null : reasonOf(answer),
      wasMoved,
    };
  });
};

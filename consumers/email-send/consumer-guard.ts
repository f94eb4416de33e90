// Slows the bulk mail of senders that are complained about: what may not go now is stored with its time. What is known of
// senders is a snapshot of at most a minute; a batch without mail of a slowed one costs no statement.
import type { Database, Pool } from '../../shared/db/connect.ts';
import { takePlaces } from '../../shared/db/sender-paces.ts';
import { loadComplainedSenders } from '../../shared/db/sender-statistics.ts';
import { judgeComplaints, type GuardVerdict } from '../../shared/domain/complaint-guard.ts';

/** A message as the guard sees it. */
export interface GuardedMessage {
  readonly id: string;
  readonly accountId: string;
  readonly senderDomain: string | null;
  readonly mailboxProvider: string;
}

export interface Wait {
  /** ISO 8601. */
  readonly until: string;
  readonly reason: string;
}

/** Which of the given bulk messages have to wait; those that are not named go now. */
export type HoldMessages = (
  db: Database,
  messages: readonly GuardedMessage[],
  areNew: boolean,
) => Promise<ReadonlyMap<string, Wait>>;

export interface ComplaintGuard {
  /** To be called before a transaction: reads what is known of senders, when that is a minute old. */
  ready(): Promise<HoldMessages>;
}

/** A new message as it is to be stored. */
export const withWait = <Message extends object>(message: Message, wait: Wait | undefined) =>
  wait === undefined ? message : { ...message, sendAt: wait.until, waitsFor: wait.reason };

const ttlMs = 60_000;
const keyOf = (of: Omit<GuardedMessage, 'id'>): string =>
  [of.accountId, of.senderDomain ?? '', of.mailboxProvider].join('\n');

/** The guard of one process. */
export const complaintGuardOn = (pool: Pool): ComplaintGuard => {
  let slowed: ReadonlyMap<string, GuardVerdict> = new Map();
  let readAt = -Infinity;

  const hold: HoldMessages = async (db, messages, areNew) => {
    const verdicts = new Map<string, GuardVerdict>();
    const held = messages.flatMap(({ id, accountId, senderDomain, mailboxProvider }) => {
      const verdict = slowed.get(keyOf({ accountId, senderDomain, mailboxProvider }));
      if (senderDomain === null || verdict === undefined || verdict.perMinute === null) return [];
      verdicts.set(id, verdict);
      return [{ id, accountId, senderDomain, mailboxProvider, perMinute: verdict.perMinute }];
    });
    const times = await takePlaces(db, held, areNew);
    return new Map(
      [...times].map(([id, dueAt]) => [id, { until: dueAt.toISOString(), reason: verdicts.get(id)?.sentence ?? '' }]),
    );
  };
  return {
    ready: async () => {
      if (performance.now() - readAt < ttlMs) return hold;
      const at = performance.now();
      const senders = await loadComplainedSenders(pool);
      slowed = new Map(senders.map((sender) => [keyOf(sender), judgeComplaints(sender)]));
      readAt = at;
      return hold;
    },
  };
};

/** Of the lanes whose mail is never slowed. */
export const noComplaintGuard: ComplaintGuard = {
  ready: () => Promise.resolve(() => Promise.resolve(new Map<string, Wait>())),
};

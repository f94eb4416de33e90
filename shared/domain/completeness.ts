import { messageStates, type MessageState } from './message-state.ts';

/** What is stored of one request. */
export interface RequestCount {
  readonly total: number;
  readonly rows: number;
  /** The highest place of its rows; -1 without rows. */
  readonly lastPosition: number;
  /** The plan over all recipients; null where none was stored. */
  readonly split: Readonly<Record<string, number>> | null;
}

const sum = (counts: Readonly<Record<string, number | undefined>>): number =>
  Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0);

/**
 * What does not add up about a request whose parts have all had their time: it must have one row a recipient, none behind
 * the last one, and a plan over all of them. Undefined when it adds up.
 */
export const unevenness = ({ total, rows, lastPosition, split }: RequestCount): string | undefined => {
  if (rows !== total) return `It has ${rows} messages for ${total} recipients.`;
  if (lastPosition >= total) return `It has a message for place ${lastPosition} of ${total} recipients.`;
  if (split !== null && sum(split) !== total) return `Its plan is for ${sum(split)} of ${total} recipients.`;
  return undefined;
};

/** What became of mail, in the words of the promise that nothing is lost: accepted is the sum of the others. */
export interface Balance {
  readonly accepted: number;
  /** An ESP took it, whatever became of it then. */
  readonly sent: number;
  readonly suppressed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Waiting, under way, in doubt, or not stored yet. */
  readonly pending: number;
}

const meaning: Readonly<Record<MessageState, Exclude<keyof Balance, 'accepted'>>> = {
  queued: 'pending',
  scheduled: 'pending',
  sending: 'pending',
  unknown: 'pending',
  sent: 'sent',
  deferred: 'sent',
  failed: 'failed',
  suppressed: 'suppressed',
  cancelled: 'cancelled',
  delivered: 'sent',
  bounced: 'sent',
  complained: 'sent',
};

/** Rows by state → what became of what was accepted. Rows that are not there yet are pending. */
export const balanceOf = (accepted: number, counts: Readonly<Partial<Record<MessageState, number>>>): Balance => {
  const balance = { accepted, sent: 0, suppressed: 0, failed: 0, cancelled: 0, pending: 0 };
  for (const state of messageStates) balance[meaning[state]] += counts[state] ?? 0;
  balance.pending += Math.max(0, accepted - sum(counts));
  return balance;
};

/** Whether the others add up to what was accepted. */
export const isBalanced = ({ accepted, sent, suppressed, failed, cancelled, pending }: Balance): boolean =>
  accepted === sent + suppressed + failed + cancelled + pending;

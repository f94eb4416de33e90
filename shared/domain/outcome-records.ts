import { hash } from 'node:crypto';
import { toldStates, type OutcomeRecord, type ToldState } from '../contracts/outcome.ts';
import { publicMessageId } from './request-ids.ts';

/** A state that a message has just come to, as the transaction that decided it knows it. */
export interface StateChange {
  /** The message's UUID. */
  readonly id: string;
  readonly requestId: string;
  readonly accountId: string;
  readonly email: string;
  readonly status: string;
  /** The number of its latest attempt; 0 before the first. */
  readonly attempt: number;
  readonly esp: string;
  readonly at: Date;
  readonly reason: string | null;
}

const ranks: ReadonlyMap<string, number> = new Map(toldStates.map((state, index) => [state, index]));
const isTold = (status: string): status is ToldState => ranks.has(status);

/** The id of what is told when a message comes to a state: the same in every process that tells it. */
export const outcomeIdOf = (messageId: string, attempt: number, status: ToldState): string =>
  `out_${hash('sha256', `${messageId}\n${attempt}\n${status}`).slice(0, 32)}`;

/** What is published about changes of states; those that are not told (`queued`, `scheduled`, `sending`) are left out. */
export const outcomeRecords = (
  topic: string,
  changes: readonly StateChange[],
): { readonly topic: string; readonly key: string; readonly value: string }[] =>
  changes.flatMap(({ id: uuid, requestId, accountId, email, status, attempt, esp, at, reason }) => {
    if (!isTold(status)) return [];
    const record: OutcomeRecord = {
      id: outcomeIdOf(uuid, attempt, status),
      messageId: publicMessageId(uuid),
      requestId,
      email,
      status,
      esp,
      at: at.toISOString(),
      reason,
      accountId,
      attempt,
      rank: ranks.get(status) ?? 0,
    };
    return [{ topic, key: record.messageId, value: JSON.stringify(record) }];
  });

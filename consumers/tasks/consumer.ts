// In:  tasks: a message, a one-time code, a subscription or its end.
// Out: requests on their lanes, by the outbox; codes and subscriptions in Postgres; what failed, with the time of its next try.
// On redelivery: a try is a row by the task's id and number, written in the transaction of what it does.
import { createHash } from 'node:crypto';
import type { EmailRequest } from '../../shared/contracts/email.ts';
import type { TaskRecord } from '../../shared/contracts/tasks.ts';
import type { Topics } from '../../shared/contracts/topics.ts';
import { loadSenderDomains } from '../../shared/db/accounts.ts';
import type { CodeSettings } from '../../shared/db/code-settings.ts';
import type { Database, Pool } from '../../shared/db/connect.ts';
import { loadContent, putContent } from '../../shared/db/contents.ts';
import { makeCode } from '../../shared/db/make-code.ts';
import { removeOutbox, writeOutbox, type OutboxRecord } from '../../shared/db/outbox.ts';
import { subscribe, unsubscribe } from '../../shared/db/schedules.ts';
import { beginTries, endTries, type FailedTry, type TaskTry } from '../../shared/db/tasks.ts';
import { accept } from '../../shared/domain/accept.ts';
import { adminAccountId } from '../../shared/domain/account.ts';
import { fleetSender } from '../../shared/domain/fleet-sender.ts';
import { mailboxOf, type Mailbox } from '../../shared/domain/one-time-code.ts';
import { requestIdOfKey } from '../../shared/domain/request-ids.ts';
import type { BlobStore } from '../../shared/runtime/blob-store.ts';
import { defineConsumer } from '../../shared/runtime/define-consumer.ts';
import { originId } from '../../shared/runtime/origin-id.ts';
import { done } from '../../shared/runtime/outcome.ts';
import type { Publisher } from '../../shared/runtime/publisher.ts';
import { nextTryMs } from './next-try.ts';
import { messageOf } from './task-mail.ts';

export interface TaskDeps {
  readonly pool: Pool;
  readonly publisher: Publisher;
  readonly topics: Topics;
  readonly blobs: BlobStore;
  readonly codes: CodeSettings;
  readonly random: () => number;
  /** A new id that sorts by time, behind a prefix that says what it names. */
  readonly newId: (prefix: string) => string;
}

/** What a try comes to. */
type Tried =
  | { readonly ok: true; readonly records: readonly OutboxRecord[] }
  | { readonly ok: false; readonly notBeforeMs?: number };

// After that the sweeper publishes what this process did not.
const ownMs = 15_000;

/** The request of a task's mail follows from the task, so that a repeat is the same request. */
const requestIdOf = ({ id, accountId }: TaskTry): string =>
  requestIdOfKey(accountId, `task ${id}`, createHash('sha256').update('mail').digest());

/** The consumer of tasks. */
export const tasks = ({ pool, publisher, topics, blobs, codes, random, newId }: TaskDeps) => {
  const asRecords = async (request: EmailRequest, accountId: string, requestId: string): Promise<Tried> => {
    const acceptance = accept(request, { accountId, requestId });
    if (!acceptance.ok) return { ok: false };
    const { lane, records, blob } = acceptance.accepted;
    if (blob !== undefined) await blobs.put(blob.key, blob.body);
    return { ok: true, records: records.map((record) => ({ topic: topics.send[lane].name, ...record })) };
  };

  const sendCode = async (db: Database, { accountId }: TaskTry, from: string, to: Mailbox, length: number) => {
    if (codes.keys === undefined) return { ok: false } as const;
    const id = newId('otp_');
    const made = await makeCode(db, { ...codes, keys: codes.keys }, { id, accountId, to, from, length });
    return made.ok ? asRecords(made.request, accountId, id) : ({ ok: false, notBeforeMs: made.retryAfterMs } as const);
  };

  const tryOne = async (db: Database, task: TaskTry, from: string | undefined): Promise<Tried> => {
    const { record, accountId } = task;
    const to = mailboxOf(record.payload.userId);
    if (to === undefined) return { ok: false };
    const subscriber = to.email;
    if (record.type === 'unsubscribe') {
      await unsubscribe(db, accountId, subscriber, record.payload.content_type);
      return { ok: true, records: [] };
    }
    if (from === undefined) return { ok: false };
    if (record.type === 'message') return asRecords(messageOf(from, record.payload), accountId, requestIdOf(task));
    if (record.type === 'generateOtp') {
      return sendCode(db, task, from, to, record.payload.length);
    }
    const { content_type: contentType, frequency, subject, content, userId } = record.payload;
    if ((await loadContent(db, accountId, contentType)) === undefined) {
      if (subject === undefined || content === undefined) return { ok: false };
      await putContent(db, accountId, contentType, { subject, content });
    }
    const email = { from, recipients: [{ email: userId }] };
    const cron = { name: record.task, cron: frequency, zone: 'UTC' };
    await subscribe(db, { id: newId('sub_'), accountId, ...cron, email, contentType, subscriber });
    return { ok: true, records: [] };
  };

  const tryAll = (tries: readonly TaskTry[]) =>
    pool.transaction(async (db) => {
      const ours = await beginTries(db, tries);
      const begun = tries.filter(({ id }) => ours.has(id));
      const domains = await loadSenderDomains(
        db,
        begun.map(({ accountId }) => accountId),
      );
      const records: OutboxRecord[] = [];
      const failed: FailedTry[] = [];
      for (const task of begun) {
        const own = domains.get(task.accountId);
        const tried = await tryOne(db, task, own && fleetSender(own, codes.mailFrom));
        if (tried.ok) {
          records.push(...tried.records);
          continue;
        }
        const { retries } = task.record;
        const { attempt } = task;
        const retryAfterMs = nextTryMs({ attempt, retries, notBeforeMs: tried.notBeforeMs, random: random() });
        failed.push({ ...task, retryAfterMs });
      }
      await endTries(db, begun.length - failed.length, failed);
      return writeOutbox(db, records, ownMs);
    });

  return defineConsumer<TaskRecord>({
    name: 'tasks',
    topics: [topics.tasks],
    maxRecords: 200,
    handleBatch: async (records, context) => {
      // Of two tries of one task the later one stands: it was published after the earlier had failed.
      const tries = new Map<string, TaskTry>();
      for (const record of records) {
        const { id = originId(record, context), accountId = adminAccountId, attempt = 1 } = record.value;
        if ((tries.get(id)?.attempt ?? 0) < attempt) tries.set(id, { id, accountId, attempt, record: record.value });
      }
      const rows = await tryAll([...tries.values()]);
      if (rows.length > 0) {
        await publisher.publish(rows.flatMap((row) => row.records));
        await removeOutbox(pool, rows);
      }
      return records.map(() => done());
    },
  });
};

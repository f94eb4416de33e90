// In:  schedules and subscriptions that are due.
// Out: their requests on the topic of their lane, by the outbox.
// On a second copy: a schedule is locked with SKIP LOCKED while it fires, a run is a row by its time, and the request's id follows
//      from both, so that a repeat is absorbed.
import { createHash } from 'node:crypto';
import type { EmailRequest } from '../../shared/contracts/email.ts';
import type { Topics } from '../../shared/contracts/topics.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { loadContent } from '../../shared/db/contents.ts';
import { removeOutbox, writeOutbox, type OutboxRow } from '../../shared/db/outbox.ts';
import { fireNext, purgeRuns, type Firing, type Schedule } from '../../shared/db/schedules.ts';
import type { Database } from '../../shared/db/connect.ts';
import { accept } from '../../shared/domain/accept.ts';
import { requestIdOfKey } from '../../shared/domain/request-ids.ts';
import { literal } from '../../shared/render/literal-template.ts';
import type { BlobStore } from '../../shared/runtime/blob-store.ts';
import type { Publisher } from '../../shared/runtime/publisher.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

export interface ScheduleDeps {
  readonly pool: Pool;
  readonly publisher: Publisher;
  readonly topics: Topics;
  readonly blobs: BlobStore;
}

const firingsPerTick = 100;
// After that the sweeper publishes what this process did not.
const ownMs = 15_000;

/** The request of one firing. */
const requestIdOf = ({ accountId, id }: Schedule, dueAt: Date): string =>
  requestIdOfKey(accountId, `schedule ${id}`, createHash('sha256').update(dueAt.toISOString()).digest());

const emailOf = async (db: Database, schedule: Schedule): Promise<EmailRequest | undefined> => {
  if (schedule.contentType === null) return schedule.email;
  const content = await loadContent(db, schedule.accountId, schedule.contentType);
  return content && { ...schedule.email, subject: literal(content.subject), html: literal(content.content) };
};

/** Fires what is due, each period once. */
export const scheduleTicker = ({ pool, publisher, topics, blobs }: ScheduleDeps): Ticker => ({
  name: 'schedules',
  everyMs: 500,
  tick: async () => {
    let rows: readonly OutboxRow[] = [];
    const fire = async (db: Database, schedule: Schedule, dueAt: Date): Promise<Firing> => {
      const email = await emailOf(db, schedule);
      if (email === undefined) return { reason: 'There was no content of this name.' };
      const requestId = requestIdOf(schedule, dueAt);
      const acceptance = accept(email, { accountId: schedule.accountId, requestId });
      if (!acceptance.ok) return { reason: 'A recipient with its values does not fit into a record.' };
      const { lane, records, blob } = acceptance.accepted;
      // Before the transaction ends: a record must not name what is not there. Nobody minds one that is left over.
      if (blob !== undefined) await blobs.put(blob.key, blob.body);
      rows = await writeOutbox(
        db,
        records.map((record) => ({ topic: topics.send[lane].name, ...record })),
        ownMs,
      );
      return { requestId };
    };
    for (let n = 0; n < firingsPerTick; n += 1) {
      rows = [];
      if ((await fireNext(pool, fire)) === undefined) return false;
      await publisher.publish(rows.flatMap(({ records }) => records));
      await removeOutbox(pool, rows);
    }
    return true;
  },
});

const runDays = 90;
const runsPerTick = 1_000;

/** Forgets firings after 90 days. */
export const runPurge = ({ pool }: { readonly pool: Pool }): Ticker => ({
  name: 'run-purge',
  everyMs: 3_600_000,
  tick: async () => (await purgeRuns(pool, runDays, runsPerTick)) >= runsPerTick,
});

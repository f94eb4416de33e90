// In:  tasks that failed and may be tried again.
// Out: their records on the tasks topic, with the number of the try.
// On a second copy: rows are taken with SKIP LOCKED, and a try that comes twice is made once.
import type { Topics } from '../../shared/contracts/topics.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { purgeTasks, takeDueTasks } from '../../shared/db/tasks.ts';
import type { Publisher } from '../../shared/runtime/publisher.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

const perTick = 500;

/** Publishes tasks whose next try is due. */
export const taskTicker = ({
  pool,
  publisher,
  topics,
}: {
  readonly pool: Pool;
  readonly publisher: Publisher;
  readonly topics: Topics;
}): Ticker => ({
  name: 'due-tasks',
  everyMs: 500,
  tick: async () => {
    const due = await takeDueTasks(pool, perTick);
    if (due.length === 0) return false;
    await publisher.publish(
      due.map(({ id, accountId, record, attempts }) => ({
        topic: topics.tasks.name,
        key: id,
        value: JSON.stringify({ ...record, id, accountId, attempt: attempts + 1 }),
      })),
    );
    return due.length >= perTick;
  },
});

// Topics keep records for seven days: until then a repeat may come.
const taskDays = 9;

/** Forgets tasks that are over. */
export const taskPurge = ({ pool }: { readonly pool: Pool }): Ticker => ({
  name: 'task-purge',
  everyMs: 600_000,
  tick: async () => (await purgeTasks(pool, taskDays, 1_000)) >= 1_000,
});

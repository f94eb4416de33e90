import { beforeEach, describe, expect, it } from '@jest/globals';
import { decisionsTicker } from '../../../consumers/scheduler/tickers.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { thinDecisions } from '../../../shared/db/thin-decisions.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { aRequest, useDatabase } from './tables.ts';

const database = useDatabase();
/** Of the beginning of the running hour so many hours ago; a pass goes from the oldest to the newest. */
const store = async (
  decisions: readonly { readonly hoursAgo: number; readonly minute?: number; readonly batchId?: string }[],
  accountId = 'admin',
): Promise<number[]> => {
  const ids: number[] = [];
  for (const { hoursAgo, minute = 0, batchId = '' } of decisions) {
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into weight_decisions (account_id, batch_id, "window", policy, reason, weights, evidence, decided_at)
       values ($1, $2, '30d', 'even', '', '{}', '{}',
               date_trunc('hour', now(), 'UTC') - $3::int * interval '1 hour' + $4::int * interval '1 minute') returning id`,
      [accountId, batchId, hoursAgo, minute],
    );
    ids.push(Number(rows[0]?.id));
  }
  return ids;
};
const follow = async (decisionId: number | undefined): Promise<void> => {
  await insertRequests(database.pool, [aRequest(`r${decisionId ?? ''}`)]);
  await database.pool.query('update requests set decision_id = $1 where id = $2', [decisionId, `r${decisionId ?? ''}`]);
};
const left = async (): Promise<number[]> =>
  (await database.pool.query<{ id: string }>('select id from weight_decisions order by id')).rows.map(({ id }) =>
    Number(id),
  );
const thinAll = () => thinDecisions(database.pool, 0, 1_000);
let ids: number[] = [];
const kept = async () => (await left()).map((id) => ids.indexOf(id));
beforeEach(() => {
  ids = [];
});

describe('The history of weights', () => {
  it('keeps the last decision of an hour once a day has passed', async () => {
    ids = await store([
      { hoursAgo: 30, minute: 1 },
      { hoursAgo: 30, minute: 20 },
      { hoursAgo: 30, minute: 59 },
      { hoursAgo: 29, minute: 0 },
      { hoursAgo: 20, minute: 1 },
      { hoursAgo: 20, minute: 2 },
    ]);
    expect(await thinAll()).toEqual({ removed: 2, next: undefined });
    expect(await kept()).toEqual([2, 3, 4, 5]);
    expect((await thinAll()).removed).toBe(0);
  });

  it('loses what was replaced more than 30 days ago, but never what still stands', async () => {
    ids = await store([{ hoursAgo: 24 * 90 }, { hoursAgo: 24 * 50 }, { hoursAgo: 24 * 20 }]);
    await thinAll();
    // The second one stood until 20 days ago, and a chart of 30 days begins with it.
    expect(await kept()).toEqual([1, 2]);
    const old = await store([{ hoursAgo: 24 * 90 }], 'acme');
    await thinAll();
    expect(await left()).toContain(old[0]);
  });

  it('keeps what a request refers to, for ever', async () => {
    ids = await store([
      { hoursAgo: 24 * 60 },
      { hoursAgo: 24 * 59 },
      { hoursAgo: 30, minute: 1 },
      { hoursAgo: 30, minute: 2 },
      { hoursAgo: 30, minute: 3 },
    ]);
    await follow(ids[0]);
    await follow(ids[2]);
    await thinAll();
    expect(await kept()).toEqual([0, 1, 2, 4]);
  });

  it('leaves the decisions of batches alone, and tells accounts apart', async () => {
    ids = await store([
      { hoursAgo: 24 * 60, batchId: 'spring' },
      { hoursAgo: 24 * 59, batchId: 'spring' },
      { hoursAgo: 30, minute: 1 },
    ]);
    ids.push(...(await store([{ hoursAgo: 30, minute: 2 }], 'acme')));
    expect((await thinAll()).removed).toBe(0);
  });

  it('keeps a decision that was replaced within the last day: a sender may be following it yet', async () => {
    ids = await store([{ hoursAgo: 24 * 40 }, { hoursAgo: 0 }]);
    await thinAll();
    expect(await kept()).toEqual([0, 1]);
  });

  it('is gone through in bounded steps, from the beginning again after the end', async () => {
    ids = await store(Array.from({ length: 10 }, (_, minute) => ({ hoursAgo: 30, minute })));
    const first = await thinDecisions(database.pool, 0, 4);
    expect(first).toEqual({ removed: 4, next: ids[3] });
    expect(await thinDecisions(database.pool, first.next ?? 0, 4)).toEqual({ removed: 4, next: ids[7] });
    const ticker = decisionsTicker({ pool: database.pool, log: createLog({ name: 'test', level: 'silent' }) });
    expect(await ticker.tick()).toBe(false);
    expect(await kept()).toEqual([9]);
    ids.push(
      ...(await store([
        { hoursAgo: 29, minute: 0 },
        { hoursAgo: 29, minute: 1 },
      ])),
    );
    expect(await ticker.tick()).toBe(false);
    expect(await kept()).toEqual([9, 11]);
  });

  it('can be thinned by two at once', async () => {
    ids = await store(Array.from({ length: 40 }, (_, minute) => ({ hoursAgo: 30, minute })));
    const both = await Promise.all([thinAll(), thinAll()]);
    expect(both.reduce((sum, { removed }) => sum + removed, 0)).toBe(39);
    expect(await kept()).toEqual([39]);
  });
});

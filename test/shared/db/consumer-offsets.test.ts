import { describe, expect, it } from '@jest/globals';
import { lockFence, moveFence, type PartitionKey } from '../../../shared/db/consumer-offsets.ts';
import { waitFor } from '../../support/wait-for.ts';
import { openTransaction, useDatabase, waitingBackends } from './tables.ts';

const database = useDatabase();
const key: PartitionKey = { groupId: 'g', topic: 't', topicEpoch: 'cluster:0', partition: 3 };

describe('The offset fence', () => {
  it('of a partition that nobody counted is none, until it is moved', async () => {
    const lock = () => database.pool.transaction((db) => lockFence(db, key));
    expect(await lock()).toBeUndefined();
    expect(await lock()).toBeUndefined();
    await moveFence(database.pool, key, { nextOffset: 9_007_199_254_740_993n, lastTimestampMs: 1_700_000_000_000 });
    expect(await lock()).toEqual({ nextOffset: 9_007_199_254_740_993n, lastTimestampMs: 1_700_000_000_000 });
  });

  it('at offset 0 is one', async () => {
    await database.pool.transaction((db) => lockFence(db, key));
    await moveFence(database.pool, key, { nextOffset: 0n, lastTimestampMs: 0 });
    expect(await database.pool.transaction((db) => lockFence(db, key))).toEqual({ nextOffset: 0n, lastTimestampMs: 0 });
  });

  it('is another for another group, topic, epoch or partition', async () => {
    await database.pool.transaction((db) => lockFence(db, key));
    await moveFence(database.pool, key, { nextOffset: 5n, lastTimestampMs: 1 });
    for (const change of [{ groupId: 'h' }, { topic: 'u' }, { topicEpoch: 'cluster:1' }, { partition: 4 }]) {
      expect(await database.pool.transaction((db) => lockFence(db, { ...key, ...change }))).toBeUndefined();
    }
  });

  it('lets one transaction count at a time: the next one sees where it was moved to', async () => {
    const first = await openTransaction(database.pool);
    expect(await lockFence(first.db, key)).toBeUndefined();
    const second = database.pool.transaction((db) => lockFence(db, key));
    await waitFor(async () => (await waitingBackends(database.pool)) > 0, { what: 'the second transaction waiting' });
    await moveFence(first.db, key, { nextOffset: 10n, lastTimestampMs: 7 });
    await first.commit();
    expect(await second).toEqual({ nextOffset: 10n, lastTimestampMs: 7 });
  });

  it('stays where it was when its transaction fails', async () => {
    const failing = database.pool.transaction(async (db) => {
      await lockFence(db, key);
      await moveFence(db, key, { nextOffset: 10n, lastTimestampMs: 7 });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await database.pool.transaction((db) => lockFence(db, key))).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import { insertRequests, loadRequests, storeRequestPlans } from '../../../shared/db/requests.ts';
import { waitFor } from '../../support/wait-for.ts';
import { aRequest, openTransaction, useDatabase, waitingBackends } from './tables.ts';

const database = useDatabase();

describe('Requests', () => {
  it('are stored once; only the first to store one is told so', async () => {
    expect(await insertRequests(database.pool, [aRequest('a'), aRequest('b')])).toEqual(new Set(['a', 'b']));
    expect(await insertRequests(database.pool, [aRequest('b', { total: 99 }), aRequest('c')])).toEqual(new Set(['c']));
    expect((await loadRequests(database.pool, ['b'], { withContent: false })).get('b')?.total).toBe(1);
  });

  it('come out as they went in', async () => {
    const content = { from: 'a@b.example', subject: 'ä "q" \\ {x}', text: 'line\nline', headers: { 'X-A': '1' } };
    const request = aRequest('a', { batchId: 'spring', esps: ['ses', 'a,b"{}'], policy: 'at-most-once', content });
    await insertRequests(database.pool, [request]);
    const stored = (await loadRequests(database.pool, ['a', 'nobody'], { withContent: true })).get('a');
    expect(stored).toMatchObject({ ...request, decisionId: null, weights: null, split: null, plan: null });
    expect((await loadRequests(database.pool, ['a'], { withContent: false })).get('a')?.content).not.toMatchObject(
      content,
    );
  });

  it('let a second process wait until the first has decided, and then decide nothing itself', async () => {
    const first = await openTransaction(database.pool);
    expect(await insertRequests(first.db, [aRequest('a')])).toEqual(new Set(['a']));
    const second = database.pool.transaction(async (db) => ({
      inserted: await insertRequests(db, [aRequest('a')]),
      stored: (await loadRequests(db, ['a'], { withContent: false })).get('a'),
    }));
    await waitFor(async () => (await waitingBackends(database.pool)) > 0, { what: 'the second process waiting' });
    const planned = { decisionId: 7, weights: { ses: 1_000 }, split: { ses: 1 }, plan: { other: { ses: 1 } } };
    await storeRequestPlans(first.db, [{ id: 'a', ...planned }]);
    await first.commit();
    const { inserted, stored } = await second;
    expect(inserted).toEqual(new Set());
    expect(stored).toMatchObject(planned);
  });

  it('are stored in one order by all, so that nobody holds what another one waits for', async () => {
    const first = await openTransaction(database.pool);
    await insertRequests(first.db, [aRequest('m')]);
    const second = database.pool.transaction((db) => insertRequests(db, [aRequest('z'), aRequest('m')]));
    await waitFor(async () => (await waitingBackends(database.pool)) > 0, { what: 'the second process waiting' });
    expect(await insertRequests(first.db, [aRequest('z')])).toEqual(new Set(['z']));
    await first.commit();
    expect(await second).toEqual(new Set());
  });
});

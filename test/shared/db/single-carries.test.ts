import { expect, it } from '@jest/globals';
import { decideStanding } from '../../../shared/db/decide-weights.ts';
import { lockCarry, storeCarry, type Carry } from '../../../shared/db/weight-decisions.ts';
import { waitFor } from '../../support/wait-for.ts';
import { weighingOf } from '../../support/weighing.ts';
import { openTransaction, useDatabase, waitingBackends } from './tables.ts';

const database = useDatabase();
const decided = async (): Promise<number> =>
  (await decideStanding(database.pool, 'admin', weighingOf('even', ['a', 'b']))).id;
const carried = (accountId = 'admin'): Promise<Carry> => database.pool.transaction((db) => lockCarry(db, accountId));
const counter = async (decisionId: number): Promise<number> => {
  const { rows } = await database.pool.query<{ counter: string }>(
    'select counter from weight_decisions where id = $1',
    [decisionId],
  );
  return Number(rows[0]?.counter);
};

it('What is owed is nothing at first, then what was stored last, and each account’s own', async () => {
  const decisionId = await decided();
  expect(await carried()).toEqual({});
  const carry = { all: { a: -0.4, b: 0.4 }, gmail: { a: 0.123456789 } };
  await database.pool.transaction(async (db) => {
    await lockCarry(db, 'admin');
    await storeCarry(db, 'admin', carry, { decisionId, positions: 3 });
  });
  expect(await carried()).toEqual(carry);
  expect(await carried('acme')).toEqual({});
  expect(await counter(decisionId)).toBe(3);
});

it('No debt is lost among many transactions that add to it at once', async () => {
  const decisionId = await decided();
  await Promise.all(
    Array.from({ length: 20 }, (_, writer) =>
      database.pool.transaction(async (db) => {
        const carry = await lockCarry(db, 'admin');
        const all = { ...carry['all'], a: (carry['all']?.['a'] ?? 0) + 1, [`writer${writer}`]: 1 };
        await storeCarry(db, 'admin', { ...carry, all }, { decisionId, positions: writer });
      }),
    ),
  );
  const { all = {} } = await carried();
  expect(all['a']).toBe(20);
  expect(Object.keys(all)).toHaveLength(21);
  expect(await counter(decisionId)).toBe((20 * 19) / 2);
});

it('Whoever plans the next ones waits for the one before, and a failed one leaves what was owed', async () => {
  const decisionId = await decided();
  const first = await openTransaction(database.pool);
  await lockCarry(first.db, 'admin');
  const second = carried();
  const elsewhere = await carried('acme');
  await waitFor(async () => (await waitingBackends(database.pool)) > 0, { what: 'the second one waiting' });
  await storeCarry(first.db, 'admin', { all: { a: 0.5 } }, { decisionId, positions: 1 });
  await first.commit();
  expect(await second).toEqual({ all: { a: 0.5 } });
  expect(elsewhere).toEqual({});

  const failed = database.pool.transaction(async (db) => {
    await lockCarry(db, 'admin');
    await storeCarry(db, 'admin', {}, { decisionId, positions: 1 });
    throw new Error('killed before the commit');
  });
  await expect(failed).rejects.toThrow('killed before the commit');
  expect(await carried()).toEqual({ all: { a: 0.5 } });
});

import { expect, it } from '@jest/globals';
import {
  addCalls,
  closedRounds,
  loadHealth,
  storeHealth,
  type RoundCalls,
  type StoredHealth,
} from '../../../shared/db/esp-health.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const calls = (esp: string, more: Partial<RoundCalls> = {}): RoundCalls => ({
  esp,
  good: 0,
  bad: 0,
  fatal: 0,
  lastError: null,
  ...more,
});
const health = (lastRound: number, more: Partial<StoredHealth> = {}): Omit<StoredHealth, 'updatedAt'> => ({
  ...{ esp: 'ses', state: 'healthy', goodRounds: 1, badRounds: 0, lastRound, lastError: null },
  ...more,
});

it('adds the calls of many processes to the round that is running, which is not judged before it has ended', async () => {
  // A round of a day, so that none ends while the test runs.
  const add = (more: Partial<RoundCalls>) =>
    addCalls(database.pool, [calls('smtp', { good: 1 }), calls('ses', more)], 86_400);
  await Promise.all([add({ good: 2 }), add({ good: 3, bad: 1, lastError: 'down' }), add({ bad: 1, fatal: 1 })]);
  expect(await closedRounds(database.pool, 86_400)).toEqual([]);
  const { rows } = await database.pool.query(
    'select esp, good::int, bad::int, fatal::int, last_error from esp_rounds order by esp',
  );
  expect(rows).toEqual([
    { esp: 'ses', good: 5, bad: 2, fatal: 1, last_error: 'down' },
    { esp: 'smtp', good: 3, bad: 0, fatal: 0, last_error: null },
  ]);
});

it('shows each ended round once, oldest first', async () => {
  await addCalls(database.pool, [calls('ses', { good: 1 }), calls('smtp', { bad: 1, lastError: 'x' })], 1);
  const rounds = await waitFor(
    async () => {
      const closed = await closedRounds(database.pool, 1);
      return closed.length === 2 ? closed : undefined;
    },
    { what: 'the round having ended' },
  );
  expect(rounds).toMatchObject([
    { esp: 'ses', good: 1, bad: 0 },
    { esp: 'smtp', good: 0, bad: 1, lastError: 'x' },
  ]);
  await storeHealth(database.pool, health(rounds[0]?.round ?? 0));
  expect((await closedRounds(database.pool, 1)).map(({ esp }) => esp)).toEqual(['smtp']);
});

it('forgets rounds of a day ago', async () => {
  await database.pool.query(
    `insert into esp_rounds (esp, round, good) select 'ses', floor(extract(epoch from now()) / 5)::bigint - n, 1 from unnest(array[17290, 10]) as n`,
  );
  expect(await closedRounds(database.pool, 5)).toHaveLength(1);
});

it('keeps the health of a later round when an earlier one is written late, and the last error until there is another', async () => {
  await storeHealth(database.pool, health(5, { state: 'unhealthy', badRounds: 2, lastError: 'down' }));
  await storeHealth(database.pool, health(4));
  expect((await loadHealth(database.pool)).get('ses')).toMatchObject({ state: 'unhealthy', lastRound: 5 });
  await storeHealth(database.pool, health(6));
  expect((await loadHealth(database.pool)).get('ses')).toMatchObject({
    state: 'healthy',
    lastRound: 6,
    lastError: 'down',
  });
});

import { expect, it } from '@jest/globals';
import {
  addCalls,
  closedRounds,
  noteRests,
  routingChannel,
  storeHealth,
  takeProbes,
  type RoundCalls,
  type StoredHealth,
} from '../../../shared/db/esp-health.ts';
import { lastRecovery } from '../../../shared/db/due-messages.ts';
import { loadEspStates } from '../../../shared/db/esp-states.ts';
import { listenTo } from '../../../shared/db/listen.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
// A round of a day, so that none ends while the test runs.
const aDay = 86_400;
const calls = (esp: string, more: Partial<RoundCalls> = {}): RoundCalls => ({
  esp,
  good: 0,
  bad: 0,
  fatal: 0,
  lastError: null,
  ...more,
});
const health = (lastRound: number, more: Partial<StoredHealth> = {}): Omit<StoredHealth, 'updatedAt'> => ({
  ...{ esp: 'ses', state: 'healthy', goodRounds: 1, badRounds: 0, lastRound, lastError: null, trips: 0 },
  ...more,
});
const loadHealth = async (esp: string): Promise<StoredHealth | undefined> =>
  (await loadEspStates(database.pool, 5)).byEsp[esp]?.health;

it('adds the calls of many processes to the round that is running, which is not judged before it has ended', async () => {
  const add = (more: Partial<RoundCalls>) =>
    addCalls(database.pool, [calls('smtp', { good: 1 }), calls('ses', more)], aDay);
  await Promise.all([add({ good: 2 }), add({ good: 3, bad: 1, lastError: 'down' }), add({ bad: 1, fatal: 1 })]);
  expect(await closedRounds(database.pool, aDay)).toEqual([]);
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

it('comes out as it went in', async () => {
  const stored = health(7, {
    state: 'unhealthy',
    goodRounds: 0,
    badRounds: 2,
    lastError: 'down',
    trips: 3,
    changedRound: 7,
  });
  await storeHealth(database.pool, stored);
  expect(await loadHealth('ses')).toMatchObject(stored);
  await storeHealth(database.pool, health(8, { esp: 'smtp' }));
  expect((await loadHealth('smtp'))?.changedRound).toBeUndefined();
});

it('keeps the health of a later round when an earlier one is written late, and the last error until there is another', async () => {
  expect(await storeHealth(database.pool, health(5, { state: 'unhealthy', badRounds: 2, lastError: 'down' }))).toBe(
    true,
  );
  expect(await storeHealth(database.pool, health(4))).toBe(false);
  expect(await loadHealth('ses')).toMatchObject({ state: 'unhealthy', lastRound: 5 });
  await storeHealth(database.pool, health(6));
  expect(await loadHealth('ses')).toMatchObject({ state: 'healthy', lastRound: 6, lastError: 'down' });
});

it('tells every process that listens, when it was written and only then', async () => {
  let notices = 0;
  const listener = listenTo(database.url, routingChannel, () => {
    notices += 1;
  });
  await waitFor(() => notices === 1, { what: 'the ear being open' });
  await storeHealth(database.pool, health(5));
  await waitFor(() => notices === 2, { what: 'the first notice' });
  await storeHealth(database.pool, health(4));
  await storeHealth(database.pool, health(6));
  await waitFor(() => notices >= 3, { what: 'the next notice' });
  expect(notices).toBe(3);
  await listener.close();
});

it('gives each ESP’s probe of a round to one of many callers', async () => {
  await storeHealth(database.pool, health(5, { state: 'unhealthy', badRounds: 2 }));
  const takeAll = async (): Promise<string[]> =>
    (
      await Promise.all(
        Array.from({ length: 20 }, (_, caller) =>
          takeProbes(database.pool, caller % 2 === 0 ? ['ses', 'smtp'] : ['smtp', 'ses'], aDay),
        ),
      )
    ).flat();
  expect((await takeAll()).sort()).toEqual(['ses', 'smtp']);
  expect(await takeAll()).toEqual([]);
  await database.pool.query('update esp_health set probe_round = probe_round - 1');
  expect((await takeAll()).sort()).toEqual(['ses', 'smtp']);
  expect(await takeProbes(database.pool, [], aDay)).toEqual([]);
});

it('takes a probe away from nobody when its taker’s transaction fails', async () => {
  const failed = database.pool.transaction(async (db) => {
    expect(await takeProbes(db, ['ses'], aDay)).toEqual(['ses']);
    throw new Error('killed before the commit');
  });
  await expect(failed).rejects.toThrow('killed before the commit');
  expect(await takeProbes(database.pool, ['ses'], aDay)).toEqual(['ses']);
});

it('leaves an ESP alone for as long as it asked, and then lets one probe ask for all', async () => {
  await noteRests(database.pool, new Map([['ses', 60_000]]));
  await noteRests(database.pool, new Map([['ses', 10_000]]));
  const { byEsp } = await loadEspStates(database.pool, aDay);
  expect(byEsp['ses']).toMatchObject({ isResting: true });
  expect(byEsp['ses']?.restMs).toBeGreaterThan(30_000);
  expect(await takeProbes(database.pool, ['ses'], aDay)).toEqual([]);
  await database.pool.query(`update esp_health set rest_until = now() - interval '1 s'`);
  expect(await takeProbes(database.pool, ['ses'], aDay)).toEqual(['ses']);
  expect((await loadEspStates(database.pool, aDay)).byEsp['ses']).toMatchObject({ isResting: true, restMs: 0 });
  await storeHealth(database.pool, health(1));
  expect((await loadEspStates(database.pool, aDay)).byEsp['ses']).toMatchObject({ isResting: false });
});

it('tells when an ESP does well again after it had not', async () => {
  await storeHealth(database.pool, health(1, { goodRounds: 0, badRounds: 2, state: 'unhealthy' }));
  expect(await lastRecovery(database.pool)).toBeUndefined();
  await storeHealth(database.pool, health(2, { goodRounds: 1, badRounds: 0, state: 'unhealthy' }));
  const first = await lastRecovery(database.pool);
  expect(first).toBeDefined();
  await storeHealth(database.pool, health(3, { goodRounds: 2, badRounds: 0, state: 'unhealthy' }));
  expect(await lastRecovery(database.pool)).toBe(first);
});

it('of an ESP that was only probed is like new, and the first round after that is kept', async () => {
  await takeProbes(database.pool, ['ses'], aDay);
  expect(await loadHealth('ses')).toMatchObject({ state: 'healthy', goodRounds: 0, badRounds: 0, lastRound: -1 });
  expect(await storeHealth(database.pool, health(0, { badRounds: 1, goodRounds: 0 }))).toBe(true);
});

import { expect, it } from '@jest/globals';
import { storeDeadLetters, type DeadLetterRow } from '../../../shared/db/dead-letters.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const letter = (more: Partial<DeadLetterRow> = {}): DeadLetterRow => ({
  topic: 'email-send',
  partition: 3,
  offset: '42',
  epoch: 'cluster-1',
  consumer: 'email-send',
  code: 'bad-shape',
  reason: 'It does not fit.',
  attempts: 1,
  recordKey: 'k',
  headers: { 'x-a': 'ä "q" {1}' },
  payload: Buffer.from([0, 255, 92, 34]),
  firstFailedAt: new Date('2026-01-01T00:00:00Z'),
  ...more,
});
const stored = async (): Promise<Record<string, unknown>[]> => {
  const { rows } = await database.pool.query<Record<string, unknown>>(
    'select topic, partition, "offset", epoch, consumer, code, reason, attempts, record_key, headers, payload, first_failed_at, replayed_at from dead_letters order by "offset"',
  );
  return rows;
};

it('keeps a dead letter as it was', async () => {
  await storeDeadLetters(database.pool, [letter()]);
  const { recordKey, firstFailedAt, ...rest } = letter();
  expect(await stored()).toEqual([
    { ...rest, record_key: recordKey, first_failed_at: firstFailedAt, replayed_at: null },
  ]);
});

it('keeps it once, however often it comes, in one batch or many', async () => {
  await storeDeadLetters(database.pool, [letter(), letter(), letter({ offset: '43' })]);
  await Promise.all([1, 2, 3].map(() => storeDeadLetters(database.pool, [letter(), letter({ offset: '43' })])));
  expect(await stored()).toHaveLength(2);
});

it('keeps another for another topic, partition, offset or cluster', async () => {
  const others = [{ topic: 't' }, { partition: 4 }, { offset: '9007199254740993' }, { epoch: 'cluster-2' }];
  await storeDeadLetters(database.pool, [letter(), ...others.map(letter)]);
  expect(await stored()).toHaveLength(5);
});

it('brings one up to date that failed again after a replay, so that it waits once more', async () => {
  await storeDeadLetters(database.pool, [letter()]);
  await database.pool.query('update dead_letters set replayed_at = now()');
  await storeDeadLetters(database.pool, [letter()]);
  expect((await stored())[0]?.['replayed_at']).toBeInstanceOf(Date);
  await storeDeadLetters(database.pool, [letter({ attempts: 2, code: 'still-bad' })]);
  expect(await stored()).toMatchObject([{ attempts: 2, code: 'still-bad', replayed_at: null }]);
});

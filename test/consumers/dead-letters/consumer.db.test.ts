import { expect, it } from '@jest/globals';
import { deadLetters } from '../../../consumers/dead-letters/consumer.ts';
import { deadTopic } from '../../../shared/contracts/topics.ts';
import type { BatchContext, Incoming } from '../../../shared/runtime/define-consumer.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
const context: BatchContext = {
  topic: 'email-send.dead',
  partition: 0,
  cluster: 'c',
  highWatermark: 10n,
  signal: new AbortController().signal,
};
const record = (offset: number, headers: Readonly<Record<string, string>> = {}): Incoming<Uint8Array> => {
  const raw = Buffer.from([0, offset, 255]);
  return { value: raw, raw, key: 'k\u0000', headers, offset: BigInt(offset), timestampMs: 1_700_000_000_000 };
};
const origin = { 'x-original-topic': 'email-send', 'x-original-partition': '3', 'x-original-offset': '7' };

it('keeps every dead letter once, whatever its headers hold and however often it comes', async () => {
  const hostile = {
    'x-error-message': 'a\u0000',
    'x-first-failed-at': '0000-01-01T00:00:00Z',
    'x-attempts': '-1',
    'x-\ud800': '\udfff',
  };
  const records = [record(0, origin), record(1, origin), record(2), record(3, hostile)];
  const consumer = deadLetters({ topics: [deadTopic('email-send')], pool: database.pool });
  for (let time = 0; time < 3; time += 1) {
    const outcomes = await consumer.handleBatch(records, context);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['done', 'done', 'done', 'done']);
  }
  const { rows } = await database.pool.query(
    'select topic, partition, "offset" from dead_letters order by topic, "offset"',
  );
  expect(rows).toEqual([
    { topic: 'email-send', partition: 3, offset: '7' },
    { topic: 'email-send.dead', partition: 0, offset: '2' },
    { topic: 'email-send.dead', partition: 0, offset: '3' },
  ]);
});

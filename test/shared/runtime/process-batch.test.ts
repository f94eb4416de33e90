import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { deadTopic, type Topic } from '../../../shared/contracts/topics.ts';
import { FenceError, type FleetError, InfrastructureError, InvalidMessageError } from '../../../shared/errors.ts';
import { createBreaker } from '../../../shared/runtime/breaker.ts';
import { defineConsumer, type BatchContext, type Incoming } from '../../../shared/runtime/define-consumer.ts';
import { done, reject, skip, type Outcome } from '../../../shared/runtime/outcome.ts';
import { processBatch, type BatchPorts } from '../../../shared/runtime/process-batch.ts';
import type { OutgoingRecord, RawRecord } from '../../../shared/runtime/records.ts';

const schema = z.object({ n: z.int() });
type Value = z.infer<typeof schema>;
const topic: Topic<Value> = { name: 'numbers', partitions: 1, retentionDays: 7, format: 'json', schema };
const context: BatchContext = {
  topic: 'numbers',
  partition: 4,
  cluster: 'cluster-1',
  highWatermark: 1_000n,
  signal: new AbortController().signal,
};
const now = new Date('2026-01-01T00:00:00Z');

const raw = (offset: number, value: unknown = { n: offset }, more: Partial<RawRecord> = {}): RawRecord => ({
  value: Buffer.isBuffer(value) || value === null ? value : Buffer.from(JSON.stringify(value)),
  key: `key-${offset}`,
  headers: {},
  offset: BigInt(offset),
  timestampMs: 5_000 + offset,
  ...more,
});
const many = (count: number): RawRecord[] => Array.from({ length: count }, (_, offset) => raw(offset));
const sent = (value: Value): OutgoingRecord => ({ topic: 'out', key: 'k', value: String(value.n) });

const testPorts = () => {
  const published: OutgoingRecord[] = [];
  const unexpected: bigint[] = [];
  const ports: BatchPorts = {
    publish: (records) => {
      published.push(...records);
      return Promise.resolve();
    },
    breaker: createBreaker(),
    now: () => now,
    onUnexpected: (_, offset) => void unexpected.push(offset),
  };
  const numbers = (name: string): string[] =>
    published.filter((record) => record.topic === name).map((record) => record.value.toString());
  return { ports, published, unexpected, numbers };
};

/** A consumer that calls `act` for each record of a batch, in order, before anything of the batch counts. */
const consumerOf = (act: (record: Incoming<Value>) => Outcome) => {
  const batches: number[][] = [];
  const definition = defineConsumer<Value>({
    name: 'group',
    topics: [topic],
    maxRecords: 100,
    handleBatch: (records) => {
      batches.push(records.map((record) => record.value.n));
      return Promise.resolve().then(() => records.map(act));
    },
  });
  return { definition, batches };
};
const run = (act: (record: Incoming<Value>) => Outcome, records: readonly RawRecord[], world = testPorts()) => {
  const consumer = consumerOf(act);
  return { ...world, ...consumer, result: processBatch(consumer.definition, topic, records, context, world.ports) };
};

describe('A batch', () => {
  it('is handled at once, and what comes of it is published in order', async () => {
    const { result, batches, numbers } = run(({ value }) => done(sent(value)), many(3));
    expect(await result).toEqual({ handled: 3, dead: 0, skipped: 0 });
    expect(batches).toEqual([[0, 1, 2]]);
    expect(numbers('out')).toEqual(['0', '1', '2']);
  });

  it('is finished only once everything is published', async () => {
    const world = testPorts();
    let finishPublishing = (): void => undefined;
    const ports: BatchPorts = {
      ...world.ports,
      publish: () => new Promise<void>((resolve) => (finishPublishing = resolve)),
    };
    let isFinished = false;
    const result = run(({ value }) => done(sent(value)), many(2), { ...world, ports }).result.then(() => {
      isFinished = true;
    });
    await new Promise(setImmediate);
    expect(isFinished).toBe(false);
    finishPublishing();
    await result;
    expect(isFinished).toBe(true);
  });

  it('is not finished when publishing fails: the same records come again', async () => {
    const world = testPorts();
    const away = new InfrastructureError('kafka-away', 'away');
    const ports: BatchPorts = { ...world.ports, publish: () => Promise.reject(away) };
    await expect(run(() => done(), many(1), { ...world, ports }).result).rejects.toBe(away);
  });

  it('counts what is skipped and publishes nothing for it', async () => {
    const { result, published } = run(() => skip('not ours'), many(2));
    expect(await result).toEqual({ handled: 0, dead: 0, skipped: 2 });
    expect(published).toEqual([]);
  });
});

describe('A record that can never be handled', () => {
  it.each<[string, Buffer | null, string]>([
    ['without a value', null, 'no-value'],
    ['empty', Buffer.alloc(0), 'not-json'],
    ['truncated', Buffer.from('{"n":'), 'not-json'],
    ['of the wrong type', Buffer.from('"n"'), 'bad-shape'],
    ['without its field', Buffer.from('{}'), 'bad-shape'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'not-utf8'],
    ['nested 10,000 deep', Buffer.from('['.repeat(10_000) + ']'.repeat(10_000)), 'bad-shape'],
    ['a number beyond all', Buffer.from('{"n":1e400}'), 'bad-shape'],
  ])('%s goes to the dead letters and costs no other', async (_, value, code) => {
    const { result, numbers, published, unexpected } = run(
      ({ value: { n } }) => done(sent({ n })),
      [raw(0), raw(1, value), raw(2)],
    );
    expect(await result).toEqual({ handled: 2, dead: 1, skipped: 0 });
    expect(numbers('out')).toEqual(['0', '2']);
    expect(published.find((record) => record.topic === 'numbers.dead')?.headers?.['x-error-code']).toBe(code);
    expect(unexpected).toEqual([]);
  });

  it('keeps its value, key and headers, and tells where it came from and why it was given up', async () => {
    const value = Buffer.from([1, 2, 0, 255]);
    const { result, published } = run(() => done(), [raw(7, value, { headers: { 'x-own': 'kept' } })]);
    await result;
    expect(published).toEqual([
      {
        topic: 'numbers.dead',
        key: 'key-7',
        value,
        headers: {
          'x-own': 'kept',
          'x-original-topic': 'numbers',
          'x-original-partition': '4',
          'x-original-offset': '7',
          'x-original-timestamp': '5007',
          'x-original-cluster': 'cluster-1',
          'x-error-code': 'not-utf8',
          'x-error-message': 'The value is not UTF-8 text.',
          'x-attempts': '1',
          'x-first-failed-at': '2026-01-01T00:00:00.000Z',
          'x-consumer': 'group',
        },
      },
    ]);
  });

  it('keeps its first origin when it fails again after a replay, and counts the attempts', async () => {
    const first = run(() => reject('no', 'No.'), [raw(7)]);
    await first.result;
    const headers = first.published[0]?.headers ?? {};
    const again = run(() => reject('still-no', 'Still no.'), [raw(99, { n: 7 }, { headers })]);
    await again.result;
    expect(again.published[0]?.headers).toEqual({
      ...headers,
      'x-error-code': 'still-no',
      'x-error-message': 'Still no.',
      'x-attempts': '2',
    });
  });

  it('counts its attempts from 1 when a foreign header makes no sense', async () => {
    const { result, published } = run(
      () => reject('no', 'No.'),
      [raw(0, { n: 0 }, { headers: { 'x-attempts': 'many' } })],
    );
    await result;
    expect(published[0]?.headers?.['x-attempts']).toBe('1');
  });

  it('has a key of its own when it came without one', async () => {
    const { result, published } = run(() => reject('no', 'No.'), [raw(3, { n: 3 }, { key: undefined })]);
    await result;
    expect(published[0]?.key).toBe('numbers:4:3');
  });

  it('by its handler’s word is published together with what came of it', async () => {
    const act = ({ value }: Incoming<Value>): Outcome => ({
      kind: 'reject',
      code: 'half',
      reason: 'Half.',
      records: [sent(value)],
    });
    const { result, numbers } = run(act, many(1));
    expect(await result).toEqual({ handled: 0, dead: 1, skipped: 0 });
    expect(numbers('out')).toEqual(['0']);
    expect(numbers('numbers.dead')).toHaveLength(1);
  });

  it('stays where it is when it is a dead letter already', async () => {
    const dead = deadTopic('numbers');
    const definition = defineConsumer<Uint8Array>({
      name: 'dead-letters',
      topics: [dead],
      maxRecords: 10,
      handle: () => reject('no', 'No.'),
    });
    const { ports, published } = testPorts();
    expect(await processBatch(definition, dead, many(2), { ...context, topic: dead.name }, ports)).toEqual({
      handled: 0,
      dead: 2,
      skipped: 0,
    });
    expect(published).toEqual([]);
  });
});

describe('A handler that throws', () => {
  const failOn =
    (bad: (n: number) => boolean, error: Error) =>
    ({ value }: Incoming<Value>): Outcome => {
      if (bad(value.n)) throw error;
      return done(sent(value));
    };

  it('on one record loses that one alone: the others are handled one by one', async () => {
    const { result, numbers, batches, unexpected, published } = run(
      failOn((n) => n === 1, new TypeError('bug')),
      many(3),
    );
    expect(await result).toEqual({ handled: 2, dead: 1, skipped: 0 });
    expect(batches).toEqual([[0, 1, 2], [0], [1], [2]]);
    expect(numbers('out')).toEqual(['0', '2']);
    expect(unexpected).toEqual([1n]);
    const letter = published.find((record) => record.topic === 'numbers.dead');
    expect(letter?.headers).toMatchObject({ 'x-error-code': 'unexpected', 'x-original-offset': '1' });
    expect(JSON.stringify(letter?.headers)).not.toContain('bug');
  });

  it('that the record is invalid gives that reason, and counts as no bug', async () => {
    const { result, published, unexpected } = run(
      failOn((n) => n === 1, new InvalidMessageError('bad-template', 'No end.')),
      many(3),
    );
    expect(await result).toEqual({ handled: 2, dead: 1, skipped: 0 });
    expect(published.find((record) => record.topic === 'numbers.dead')?.headers).toMatchObject({
      'x-error-code': 'bad-template',
      'x-error-message': 'No end.',
    });
    expect(unexpected).toEqual([]);
  });

  it.each<[string, FleetError]>([
    ['Postgres is away', new InfrastructureError('postgres-away', 'away')],
    ['the fence refuses', new FenceError('offset-regression', 'no')],
  ])('because %s gets the same records again, and nothing is dead', async (_, error) => {
    const { result, published, batches } = run(
      failOn((n) => n === 1, error),
      many(3),
    );
    await expect(result).rejects.toBe(error);
    expect(batches).toHaveLength(1);
    expect(published).toEqual([]);
  });

  it('because Postgres went away while the records came one by one, too', async () => {
    const away = new InfrastructureError('postgres-away', 'away');
    let calls = 0;
    const act = ({ value }: Incoming<Value>): Outcome => {
      calls += 1;
      if (calls === 1) throw new TypeError('bug');
      if (value.n === 2) throw away;
      return done(sent(value));
    };
    const { result, published } = run(act, many(3));
    await expect(result).rejects.toBe(away);
    expect(published).toEqual([]);
  });

  it.each([0, 2, 4])('is one that answers %d outcomes for 3 records', async (count) => {
    const world = testPorts();
    const definition = defineConsumer<Value>({
      name: 'group',
      topics: [topic],
      maxRecords: 10,
      handleBatch: (records) =>
        Promise.resolve(records.length === 1 ? [done()] : Array.from({ length: count }, () => done())),
    });
    expect(await processBatch(definition, topic, many(3), context, world.ports)).toEqual({
      handled: 3,
      dead: 0,
      skipped: 0,
    });
  });

  it('at each of 50 records in a row stops the partition, and drains nothing into the dead letters', async () => {
    const { result, published } = run(
      failOn(() => true, new TypeError('bad deploy')),
      many(50),
    );
    await expect(result).rejects.toMatchObject({ code: 'breaker-open', retryable: true });
    expect(published).toEqual([]);
  });

  it('keeps to at most 100 dead letters in however small batches they come', async () => {
    const world = testPorts();
    let rejected = false;
    for (let offset = 0; !rejected && offset < 1_000; offset += 1) {
      rejected = await run(
        failOn(() => true, new TypeError('bad deploy')),
        [raw(offset)],
        world,
      ).result.then(
        () => false,
        () => true,
      );
    }
    expect(rejected).toBe(true);
    expect(world.numbers('numbers.dead').length).toBeLessThanOrEqual(100);
  });

  it('at more than 20 % of the last 200 stops it too', async () => {
    const world = testPorts();
    const act = failOn((n) => n % 4 === 0, new TypeError('bug'));
    let opened = -1;
    for (let offset = 0; opened < 0 && offset < 400; offset += 1) {
      await run(act, [raw(offset)], world).result.catch(() => {
        opened = offset;
      });
    }
    expect(opened).toBe(200);
  });

  it('never stops it by records that are bad themselves', async () => {
    const world = testPorts();
    await run(
      () => done(),
      Array.from({ length: 500 }, (_, offset) => raw(offset, Buffer.from('{'))),
      world,
    ).result;
    await run(
      failOn(() => true, new InvalidMessageError('no', 'No.')),
      many(500),
      world,
    ).result;
    expect(world.numbers('numbers.dead')).toHaveLength(1_000);
    expect(world.ports.breaker.isOpen).toBe(false);
  });
});

describe('A consumer that handles record by record', () => {
  it('keeps their order and waits for each', async () => {
    const seen: number[] = [];
    const definition = defineConsumer<Value>({
      name: 'group',
      topics: [topic],
      maxRecords: 10,
      handle: async ({ value }) => {
        await new Promise(setImmediate);
        seen.push(value.n);
        return done();
      },
    });
    await processBatch(definition, topic, many(5), context, testPorts().ports);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  it('hands over what came with the record', async () => {
    let seen: Incoming<Value> | undefined;
    const act = (record: Incoming<Value>): Outcome => {
      seen = record;
      return done();
    };
    const record = raw(9, { n: 9 }, { headers: { a: 'b' } });
    await run(act, [record]).result;
    expect(seen).toEqual({
      value: { n: 9 },
      raw: record.value,
      key: 'key-9',
      headers: { a: 'b' },
      offset: 9n,
      timestampMs: 5_009,
    });
  });
});

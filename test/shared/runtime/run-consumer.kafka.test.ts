import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { InfrastructureError } from '../../../shared/errors.ts';
import { defineConsumer, type BatchContext, type Incoming } from '../../../shared/runtime/define-consumer.ts';
import { done, type Outcome } from '../../../shared/runtime/outcome.ts';
import { waitFor } from '../../support/wait-for.ts';
import {
  committed,
  makeTopic,
  numbers,
  openPublisher,
  readTopic,
  startConsumer,
  testClient,
  type NumberRecord,
  type NumberTopic,
} from './kafka-world.ts';

const deadlineMs = 20_000;
const newGroup = (): string => `group-${randomUUID().slice(0, 8)}`;
const publish = async (records: Parameters<ReturnType<typeof openPublisher>['publish']>[0]): Promise<void> => {
  const publisher = openPublisher();
  await publisher.publish(records);
  await publisher.close();
};

/** A consumer that notes what it was given, and answers by `act`. */
const noting = (
  topic: NumberTopic,
  act: (records: readonly Incoming<NumberRecord>[], context: BatchContext) => readonly Outcome[] = (records) =>
    records.map(() => done()),
  maxRecords = 100,
) => {
  const batches: { readonly partition: number; readonly numbers: readonly number[] }[] = [];
  const definition = defineConsumer<NumberRecord>({
    name: 'noting',
    topics: [topic],
    maxRecords,
    handleBatch: (records, context) => {
      batches.push({ partition: context.partition, numbers: records.map(({ value }) => value.n) });
      return Promise.resolve().then(() => act(records, context));
    },
  });
  return { definition, batches, seen: () => batches.flatMap((batch) => batch.numbers) };
};
const upTo = (end: number): number[] => Array.from({ length: end }, (_, n) => n);
const committedTo = (group: string, topic: string, end: number) =>
  waitFor(async () => (await committed(group, topic)).get(0) === end, {
    what: `${group} having committed ${end}`,
    deadlineMs,
  });

describe('A consumer', () => {
  it('handles what was published, in order, publishes what comes of it, and commits to the end', async () => {
    const [topic, out, group] = [await makeTopic(), await makeTopic(), newGroup()];
    await publish(numbers(topic, 0, 250));
    const { definition, seen, batches } = noting(topic, (records) =>
      records.map(({ value: { n } }) => done(...numbers(out, n, n + 1))),
    );
    const consumer = await startConsumer(definition, { groupId: group });
    const results = await readTopic(out.name, (found) => found.length >= 250);
    await committedTo(group, topic.name, 250);
    await consumer.stop();
    expect(seen()).toEqual(upTo(250));
    expect(Math.max(...batches.map((batch) => batch.numbers.length))).toBeLessThanOrEqual(100);
    expect(results.map(({ key }) => key)).toEqual(upTo(250).map((n) => `k${n}`));
    expect(consumer.failures).toEqual([]);
  });

  it('goes on behind a poison record, which is kept with its origin', async () => {
    const [topic, group] = [await makeTopic(), newGroup()];
    await publish([
      ...numbers(topic, 0, 3),
      { topic: topic.name, key: 'poison', value: '{', headers: { 'x-own': '1' } },
      ...numbers(topic, 3, 6),
    ]);
    const { definition, seen } = noting(topic, (records) => {
      if (records.some(({ value }) => value.n === 4)) throw new TypeError('bug');
      return records.map(() => done());
    });
    const consumer = await startConsumer(definition, { groupId: group });
    await committedTo(group, topic.name, 7);
    await consumer.stop();
    const dead = await readTopic(`${topic.name}.dead`, (found) => found.length >= 2);
    expect(new Set(seen())).toEqual(new Set(upTo(6)));
    expect(dead.map(({ key }) => key)).toEqual(['poison', 'k4']);
    expect(dead[0]).toMatchObject({
      value: '{',
      headers: {
        'x-own': '1',
        'x-original-topic': topic.name,
        'x-original-partition': '0',
        'x-original-offset': '3',
        'x-error-code': 'not-json',
        'x-consumer': 'noting',
      },
    });
    expect(dead[1]?.headers).toMatchObject({ 'x-error-code': 'unexpected', 'x-original-offset': '5' });
  });

  it('gets the same records again after Postgres was away; none is dead and none is committed before', async () => {
    const [topic, group] = [await makeTopic(), newGroup()];
    await publish(numbers(topic, 0, 30));
    let isAway = true;
    const { definition, batches, seen } = noting(
      topic,
      (records) => {
        if (isAway && records.some(({ value }) => value.n >= 20))
          throw new InfrastructureError('postgres-away', 'away');
        return records.map(() => done());
      },
      10,
    );
    const consumer = await startConsumer(definition, { groupId: group });
    const triesOf20 = () => batches.filter((batch) => batch.numbers.includes(20)).length;
    await waitFor(() => triesOf20() >= 3, { what: 'three tries', deadlineMs });
    expect((await committed(group, topic.name)).get(0)).toBe(20);
    expect(seen().filter((n) => n === 5)).toHaveLength(1);
    isAway = false;
    await committedTo(group, topic.name, 30);
    await publish(numbers(topic, 30, 31).map((record) => ({ ...record, value: '{' })));
    const dead = await readTopic(`${topic.name}.dead`, (found) => found.length >= 1);
    await consumer.stop();
    expect(dead.map(({ key }) => key)).toEqual(['k30']);
    expect(consumer.failures).toEqual([]);
  });

  it('keeps a partition going while another one waits', async () => {
    const [topic, group] = [await makeTopic(2), newGroup()];
    await publish(numbers(topic, 0, 40, (n) => `key-${n % 8}`));
    let stuckPartition = -1;
    const { definition, batches } = noting(topic, (records, context) => {
      if (stuckPartition < 0) stuckPartition = context.partition;
      if (context.partition === stuckPartition) throw new InfrastructureError('postgres-away', 'away');
      return records.map(() => done());
    });
    const consumer = await startConsumer(definition, { groupId: group, workers: 2 });
    await waitFor(
      async () => {
        const offsets = await committed(group, topic.name);
        return [...offsets].some(([partition, offset]) => partition !== stuckPartition && offset > 0);
      },
      { what: 'the other partition being committed', deadlineMs },
    );
    await publish(numbers(topic, 40, 80, (n) => `key-${n % 8}`));
    await waitFor(
      () => batches.some((batch) => batch.partition !== stuckPartition && batch.numbers.some((n) => n >= 40)),
      {
        what: 'later records of the other partition',
        deadlineMs,
      },
    );
    await consumer.stop();
  });

  it('stops being ready when too many records fail unexpectedly, commits nothing, and recovers by itself', async () => {
    const [topic, group] = [await makeTopic(), newGroup()];
    await publish(numbers(topic, 0, 60));
    let isBroken = true;
    const { definition } = noting(topic, (records) => {
      if (isBroken) throw new TypeError('a bad deploy');
      return records.map(() => done());
    });
    const consumer = await startConsumer(definition, { groupId: group });
    await waitFor(() => consumer.health.report().waitingFor.includes('records'), {
      what: 'not being ready',
      deadlineMs,
    });
    expect((await committed(group, topic.name)).get(0)).toBe(-1);
    isBroken = false;
    await committedTo(group, topic.name, 60);
    await waitFor(() => consumer.health.report().ready, { what: 'being ready again', deadlineMs });
    await consumer.stop();
    await publish([{ topic: `${topic.name}.dead`, key: 'end', value: '' }]);
    expect(await readTopic(`${topic.name}.dead`, (found) => found.length >= 1)).toHaveLength(1);
  });

  it.each(['GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const)(
    'reads batches that an upstream service compressed with %s',
    async (codec) => {
      const [topic, group] = [await makeTopic(), newGroup()];
      const producer = testClient().producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
      await producer.connect();
      await producer.send({
        topic: topic.name,
        compression: kafkajs.CompressionTypes[codec],
        messages: upTo(50).map((n) => ({ key: `k${n}`, value: JSON.stringify({ n, padding: 'x'.repeat(200) }) })),
      });
      await producer.disconnect();
      const { definition, seen } = noting(topic);
      const consumer = await startConsumer(definition, { groupId: group });
      await committedTo(group, topic.name, 50);
      await consumer.stop();
      expect(seen()).toEqual(upTo(50));
    },
  );

  it('is not stopped by the control records of a transactional producer, nor by what it aborted', async () => {
    const [topic, group] = [await makeTopic(), newGroup()];
    const producer = testClient().producer({
      transactionalId: `test-${randomUUID()}`,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const transaction = async (n: number, end: 'commit' | 'abort'): Promise<void> => {
      const open = await producer.transaction();
      await open.send({ topic: topic.name, messages: [{ key: `k${n}`, value: JSON.stringify({ n }) }] });
      await open[end]();
    };
    await transaction(0, 'commit');
    await transaction(1, 'abort');
    await transaction(2, 'commit');
    await transaction(3, 'abort');
    const { definition, seen } = noting(topic);
    const consumer = await startConsumer(definition, { groupId: group });
    await waitFor(() => seen().includes(2), { what: 'the second committed record', deadlineMs });
    await transaction(4, 'commit');
    await waitFor(() => seen().includes(4), { what: 'a record behind an aborted one', deadlineMs });
    // Five records and their five markers: nothing lags, also when nothing but what was given up comes behind.
    await committedTo(group, topic.name, 10);
    await transaction(5, 'abort');
    await committedTo(group, topic.name, 12);
    await consumer.stop();
    await producer.disconnect();
    expect(seen()).toEqual([0, 2, 4]);
  });

  it('begins where its group has stopped, and hands nothing over twice after a clean stop', async () => {
    const [topic, group] = [await makeTopic(), newGroup()];
    await publish(numbers(topic, 0, 20));
    const first = noting(topic);
    const one = await startConsumer(first.definition, { groupId: group });
    await waitFor(() => first.seen().length >= 20, { what: 'the first twenty', deadlineMs });
    await one.stop();
    await publish(numbers(topic, 20, 40));
    const second = noting(topic);
    const other = await startConsumer(second.definition, { groupId: group });
    await waitFor(() => second.seen().length >= 20, { what: 'the next twenty', deadlineMs });
    await other.stop();
    expect([...first.seen(), ...second.seen()]).toEqual(upTo(40));
  });

  it('shares its partitions with a second one, which takes over when the first leaves', async () => {
    const [topic, group] = [await makeTopic(4), newGroup()];
    const [first, second] = [noting(topic), noting(topic)];
    const one = await startConsumer(first.definition, { groupId: group });
    const other = await startConsumer(second.definition, { groupId: group });
    let published = 0;
    const publishMore = async (): Promise<void> => {
      await publish(numbers(topic, published, published + 40));
      published += 40;
    };
    const partitionsOf = ({ batches }: typeof first): Set<number> => new Set(batches.map((batch) => batch.partition));
    await waitFor(
      async () => {
        await publishMore();
        return second.batches.length > 0;
      },
      { what: 'the second one having a share', deadlineMs },
    );
    await one.stop();
    const before = published;
    await publishMore();
    await waitFor(() => partitionsOf(second).size === 4, { what: 'the second one having all partitions', deadlineMs });
    await waitFor(() => upTo(published).every((n) => first.seen().includes(n) || second.seen().includes(n)), {
      what: 'every record being handled',
      deadlineMs,
    });
    await other.stop();
    expect(second.seen().filter((n) => n >= before)).toHaveLength(40);
    expect([...one.failures, ...other.failures]).toEqual([]);
  });
});

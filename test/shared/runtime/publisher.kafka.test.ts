import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createPublisher, type Publisher, type Urgency } from '../../../shared/runtime/publisher.ts';
import { redirectConnections, startCutProxy, type CutProxy } from '../../support/cut-proxy.ts';
import { testKafkaBrokers } from '../../support/test-services.ts';
import { waitFor } from '../../support/wait-for.ts';
import { makeTopic, numbers, openPublisher, readTopic, silentLog } from './kafka-world.ts';

const keysOf = (records: readonly { readonly key: string }[]): ReadonlySet<string> =>
  new Set(records.map(({ key }) => key));

/** Runs with a publisher whose connections can be cut. */
const throughProxy = async (
  deadlineMs: number,
  act: (publisher: Publisher, proxy: CutProxy) => Promise<void>,
): Promise<void> => {
  const brokerPort = Number(testKafkaBrokers()[0]?.split(':')[1]);
  const proxy = await startCutProxy(brokerPort);
  const restore = redirectConnections(brokerPort, proxy);
  const publisher = openPublisher({ deadlineMs });
  try {
    await publisher.connect();
    await act(publisher, proxy);
  } finally {
    restore();
    await publisher.close();
    await proxy.close();
  }
};

describe('The publisher', () => {
  it('puts every record of many callers on its topic once, those of one key in order', async () => {
    const topic = await makeTopic(3);
    const publisher = openPublisher();
    const records = numbers(topic, 0, 1_000, (n) => `key-${n % 10}`);
    await Promise.all(records.map((record) => publisher.publish([record])));
    await publisher.close();
    const kept = await readTopic(topic.name, (found) => found.length >= 1_000);
    expect(kept).toHaveLength(1_000);
    for (let key = 0; key < 10; key += 1) {
      const own = kept
        .filter((record) => record.key === `key-${key}`)
        .map((record) => (JSON.parse(record.value) as { n: number }).n);
      expect(own).toEqual(Array.from({ length: 100 }, (_, index) => index * 10 + key));
      expect(new Set(kept.filter((record) => record.key === `key-${key}`).map(({ partition }) => partition)).size).toBe(
        1,
      );
    }
  });

  it('takes more from one caller than Kafka takes at once, and keeps its order', async () => {
    const topic = await makeTopic();
    const publisher = openPublisher();
    const large = 'x'.repeat(500_000);
    await publisher.publish(
      Array.from({ length: 10 }, (_, n) => ({ topic: topic.name, key: 'k', value: `${n}${large}` })),
    );
    await publisher.close();
    const kept = await readTopic(topic.name, (found) => found.length >= 10);
    expect(kept.map(({ value }) => value.slice(0, 1))).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
  });

  it('takes a record of 5 MB that can be compressed', async () => {
    const topic = await makeTopic();
    const publisher = openPublisher();
    await publisher.publish([{ topic: topic.name, key: 'k', value: JSON.stringify({ a: 'x'.repeat(5_000_000) }) }]);
    await publisher.close();
    const [kept] = await readTopic(topic.name, (found) => found.length >= 1);
    expect(kept?.value.length).toBe(5_000_008);
  });

  it('says at once of a record that is too large what it is, and takes what others bring at the same time', async () => {
    const topic = await makeTopic();
    const publisher = openPublisher();
    const small = { topic: topic.name, key: 'k', value: 'small' };
    const [before, tooLarge, after] = await Promise.allSettled([
      publisher.publish([small]),
      publisher.publish([{ topic: topic.name, key: 'k', value: randomBytes(3_000_000) }]),
      publisher.publish([small]),
    ]);
    expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(tooLarge).toMatchObject({ status: 'rejected', reason: { code: 'record-too-large', retryable: false } });
    await publisher.close();
    const kept = await readTopic(topic.name, (found) => found.length >= 2);
    expect(kept.map(({ value }) => value)).toEqual(['small', 'small']);
  });

  it('carries headers and bytes as they are', async () => {
    const topic = await makeTopic();
    const publisher = openPublisher();
    await publisher.publish([{ topic: topic.name, key: 'k', value: Buffer.from('änn'), headers: { 'x-a': 'ä' } }]);
    await publisher.close();
    expect(await readTopic(topic.name, (found) => found.length > 0)).toEqual([
      { key: 'k', value: 'änn', headers: { 'x-a': 'ä' }, partition: 0 },
    ]);
  });

  it('loses nothing that it acknowledged, though answers of the broker get lost', async () => {
    const topic = await makeTopic();
    const acknowledged: number[] = [];
    await throughProxy(25_000, async (publisher, proxy) => {
      for (let round = 0; round < 5; round += 1) {
        proxy.dropResponses(1);
        const records = numbers(topic, round * 100, round * 100 + 100);
        await Promise.all(
          records.map((record, index) =>
            publisher.publish([record]).then(() => {
              acknowledged.push(round * 100 + index);
            }),
          ),
        );
      }
      expect(proxy.cuts).toBe(5);
    });
    expect(acknowledged).toHaveLength(500);
    const kept = await readTopic(topic.name, (found) => keysOf(found).size >= 500);
    expect(keysOf(kept)).toEqual(new Set(acknowledged.map((n) => `k${n}`)));
  });

  // Kafka's client gives the sequence of a record that it gave up to the next one, which the broker then takes for a
  // repeat of the first: acknowledged, and never stored. Only a new producer is safe from that.
  it('loses nothing that follows a record which it had to give up', async () => {
    const topic = await makeTopic();
    const acknowledged: number[] = [];
    const given: number[] = [];
    await throughProxy(800, async (publisher, proxy) => {
      const publish = async (n: number): Promise<void> => {
        await publisher.publish(numbers(topic, n, n + 1)).then(
          () => acknowledged.push(n),
          () => given.push(n),
        );
      };
      for (let round = 0; round < 6; round += 1) {
        await waitFor(
          async () => {
            await publish(round * 100);
            return acknowledged.includes(round * 100);
          },
          { what: 'the publisher being back', deadlineMs: 20_000 },
        );
        proxy.dropResponses(Number.POSITIVE_INFINITY);
        await publish(round * 100 + 1);
        proxy.dropResponses(0);
        await publish(round * 100 + 2);
      }
    });
    expect(given.length).toBeGreaterThanOrEqual(6);
    const kept = await readTopic(topic.name, (found) => acknowledged.every((n) => keysOf(found).has(`k${n}`)));
    for (const n of acknowledged) expect(keysOf(kept)).toContain(`k${n}`);
  });

  it('refuses what Kafka does not take in time, and at once what is more than may wait', async () => {
    const states: boolean[] = [];
    const publisher = createPublisher({
      brokers: ['127.0.0.1:1'],
      clientId: 'test',
      log: silentLog,
      deadlineMs: 300,
      maxWaiting: { records: 3, bytes: 1_000 },
      onState: (isConnected) => states.push(isConnected),
    });
    const record = { topic: 't', key: 'k', value: 'v' };
    const waiting = Promise.allSettled([publisher.publish([record]), publisher.publish([record, record, record])]);
    await expect(publisher.publish([record, record, record])).rejects.toMatchObject({ code: 'kafka-full' });
    await expect(publisher.publish([{ ...record, value: 'x'.repeat(2_000) }])).rejects.toMatchObject({
      code: 'kafka-full',
    });
    await expect(publisher.publish([])).resolves.toBeUndefined();
    for (const result of await waiting)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'kafka-away', retryable: true } });
    await publisher.close();
    expect(new Set(states)).toEqual(new Set([false]));
  });

  it('refuses what can wait first, and one-time codes and webhooks last', async () => {
    const publisher = createPublisher({
      brokers: ['127.0.0.1:1'],
      clientId: 'test',
      log: silentLog,
      deadlineMs: 300,
      maxWaiting: { records: 10, bytes: 100_000 },
    });
    const record = { topic: 't', key: 'k', value: 'v' };
    // The first is on its way at once and waits no longer.
    const taken: Promise<unknown>[] = [publisher.publish([record])];
    const takes = async (urgency: Urgency): Promise<boolean> => {
      let isRefused = false;
      taken.push(
        publisher.publish([record], urgency).catch(() => {
          isRefused = true;
        }),
      );
      // A refusal comes at once, long before the deadline.
      await new Promise((resolve) => setImmediate(resolve));
      return !isRefused;
    };
    const before: Record<Urgency, number> = { 'can-wait': 0, usual: 0, urgent: 0 };
    for (const urgency of ['can-wait', 'usual', 'urgent'] as const) {
      while (before[urgency] < 20 && (await takes(urgency))) before[urgency] += 1;
    }
    expect(before).toEqual({ 'can-wait': 5, usual: 3, urgent: 2 });
    await Promise.allSettled(taken);
    await publisher.close();
  });

  it('is closed soon, although Kafka is away and callers would wait for long', async () => {
    const publisher = createPublisher({
      brokers: ['127.0.0.1:1'],
      clientId: 'test',
      log: silentLog,
      deadlineMs: 40_000,
    });
    let isClosed = false;
    publisher.publish([{ topic: 't', key: 'k', value: 'v' }]).catch(() => undefined);
    const closing = publisher.close().then(() => {
      isClosed = true;
    });
    await waitFor(() => isClosed, { what: 'the publisher being closed', deadlineMs: 15_000 });
    await closing;
  });

  it('tries again while its callers still wait when an answer never comes', async () => {
    const topic = await makeTopic();
    await throughProxy(10_000, async (publisher, proxy) => {
      let isLost = false;
      // The first answer alone is lost, without its connection.
      proxy.dropProduceAnswers(1, () => (isLost ? 1 : ((isLost = true), 0)), 'silent');
      await publisher.publish(numbers(topic, 0, 1));
      expect(isLost).toBe(true);
      proxy.dropProduceAnswers(0, Math.random, 'silent');
    });
    expect(keysOf(await readTopic(topic.name, (found) => found.length > 0))).toEqual(new Set(['k0']));
  });
});

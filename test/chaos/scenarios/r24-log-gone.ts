// R24: the log was truncated by retention while a group was off, and a topic was deleted and made anew. The fence refuses the
// one and an alarm tells of the other; neither is silent, and the remedy that the log names works.
import { waitFor } from '../../support/wait-for.ts';
import { deliveryTopicOf } from '../counting.ts';
import { finding, type Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

const metric = async (world: World, name: string, pattern: RegExp): Promise<number> => {
  const text = await (await fetch(`${world.adminUrl(name)}/metrics`)).text();
  return Number(pattern.exec(text)?.[1] ?? 0);
};

const countedOf = async (world: World, domain: string): Promise<number> =>
  Number(
    (await world.sql<{ delivered: string }>('select delivered from domain_counters where domain = $1', [domain]))[0]
      ?.delivered ?? 0,
  );

export const logGone: Scenario = {
  id: 'R24',
  title: 'a log truncated by retention, and a topic made anew',
  run: async (world) => {
    const topic = deliveryTopicOf(world);
    const faults: string[] = [];
    const domain = `gone${Math.floor(world.random() * 1e9)}.example`;
    const count = (records: number) =>
      world.publish(
        topic,
        Array.from({ length: records }, () => ({ key: domain, value: JSON.stringify({ domain, type: 'delivered' }) })),
      );
    await count(10);
    await world.caughtUp('delivery-events', topic, 60_000);
    for (const name of world.copiesOf('delivery-events')) await world.leave(name);
    await count(10);
    await world.admin(async (admin) => {
      const ends = await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({
        topic,
        partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
      });
    });
    await count(5);
    const first = await world.join('delivery-events');
    await waitFor(async () => (await countedOf(world, domain)) === 15, {
      what: 'what is left being counted',
      deadlineMs: 60_000,
    });
    const skipped = await metric(world, first, /records_skipped_total\{[^}]*\} (\d+)/);
    const resets = await metric(world, first, /consumer_offset_resets_total\{[^}]*\} (\d+)/);
    if (skipped !== 10) faults.push(`records_skipped_total tells of ${skipped}, 10 were removed`);
    if (resets === 0) faults.push('consumer_offset_resets_total tells of nothing');

    await world.leave(first);
    await world.admin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const numPartitions = topics[0]?.partitions.length ?? 12;
      await admin.deleteTopics({ topics: [topic] });
      await waitFor(async () => !(await admin.listTopics()).includes(topic), { what: 'the topic being gone' });
      await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
    });
    await count(3);
    const refusing = await world.join('delivery-events').catch(() => undefined);
    if (refusing !== undefined) {
      await waitFor(async () => (await fetch(`${world.adminUrl(refusing)}/ready`)).status === 503, {
        what: 'the fence refusing the topic that was made anew',
        deadlineMs: 40_000,
      }).catch((error: unknown) => faults.push(String(error)));
      await world.leave(refusing);
    }
    if ((await countedOf(world, domain)) !== 15) faults.push('records of the topic that was made anew were counted');
    // The remedy that the refusal names.
    await world.join('delivery-events', { KAFKA_EPOCH: '1' });
    await waitFor(async () => (await countedOf(world, domain)) === 18, {
      what: 'the new topic being counted under a new epoch',
      deadlineMs: 60_000,
    });
    return finding(faults, `${skipped} skipped and told of, ${resets} resets told of`);
  },
};

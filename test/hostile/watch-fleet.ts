import { processes } from '../../fleet/processes.ts';
import { kafkaClient } from '../../shared/runtime/kafka.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { TestFleet } from '../support/fleet.ts';
import { waitFor } from '../support/wait-for.ts';

const silent = createLog({ name: 'hostile', level: 'silent' });

/** The first process that is not alive and ready, in words; undefined when all are. */
const firstUnwell = async (fleet: TestFleet): Promise<string | undefined> => {
  for (const { name } of processes) {
    for (const probe of ['/live', '/ready']) {
      const answer = await fetch(`${fleet.adminUrl(name)}${probe}`);
      if (!answer.ok) return `${name} answers ${probe} with ${answer.status}: ${await answer.text()}`;
    }
  }
  return undefined;
};

/** Waits until every group has committed all that is on its topics; answers what is left in words, or nothing. */
export const uncommitted = async (
  fleet: TestFleet,
  groups: readonly { readonly group: string; readonly topic: string }[],
  deadlineMs: number,
): Promise<string[]> => {
  const admin = kafkaClient(fleet.brokers, 'hostile-admin', silent).admin();
  await admin.connect();
  const behind = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const { group, topic } of groups) {
      const ends = await admin.fetchTopicOffsets(topic);
      const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      for (const { partition, high } of ends) {
        const at = Number(committed?.partitions.find((each) => each.partition === partition)?.offset ?? -1);
        if (Math.max(0, at) < Number(high)) found.push(`${group} stands at ${at} of ${high} on ${topic}:${partition}`);
      }
    }
    return found;
  };
  try {
    await waitFor(async () => (await behind()).length === 0, { what: 'every group at its end', deadlineMs });
    return [];
  } catch {
    return await behind();
  } finally {
    await admin.disconnect();
  }
};

/** What is wrong with the fleet's processes now: one that ended, one that is not well. */
export const fleetFaults = async (fleet: TestFleet): Promise<string[]> => {
  const ended = fleet.said.map((line) => `a process ended: ${line}`);
  try {
    await waitFor(async () => (await firstUnwell(fleet)) === undefined, { what: 'all well', deadlineMs: 60_000 });
    return ended;
  } catch {
    return [...ended, (await firstUnwell(fleet)) ?? 'a process was not well for a minute'];
  }
};

// R04: senders are asked to stop (SIGTERM) under load. Each ends with exit code 0 within 25 s, nothing is mailed twice,
// nothing is left as `sending`, and the next owner consumes within 10 s.
import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '../../support/wait-for.ts';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';
import type { World } from '../world.ts';

const sending = async (world: World): Promise<number> => {
  const [row] = await world.sql<{ n: string }>(`select count(*) as n from messages where status = 'sending'`);
  return Number(row?.n ?? 0);
};

export const orderlyStop: Scenario = {
  id: 'R04',
  title: 'senders asked to stop under load',
  run: async (world, scale) => {
    for (const name of world.copiesOf('email-send')) await world.leave(name);
    let sender = await world.join('email-send');
    const client = await world.client();
    for (const esp of ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses']) {
      await client.control(esp, { latencyMs: 800 });
    }
    const stops = sized(scale, 3, 6, 20);
    const faults: string[] = [];
    let slowestStop = 0;
    let slowestStart = 0;
    let underWay = 0;
    for (let stop = 0; stop < stops; stop += 1) {
      await postAll(
        client,
        Array.from({ length: 20 }, () => mailTo(50)),
        4,
      );
      await waitFor(async () => (await sending(world)) > 0, { what: 'calls being under way', deadlineMs: 30_000 });
      await pause(world.random() * 500);
      underWay += await sending(world);
      const stopMs = await world.leave(sender);
      slowestStop = Math.max(slowestStop, stopMs);
      if (stopMs > 25_000) faults.push(`${sender} took ${Math.round(stopMs)} ms to stop`);
      const left = await sending(world);
      if (left > 0) faults.push(`${left} messages were left as sending`);
      const acceptedBefore = (await client.accepted()).length;
      const startedAt = performance.now();
      sender = await world.join('email-send');
      await waitFor(async () => (await client.accepted()).length > acceptedBefore, {
        what: 'mail going on',
        deadlineMs: 30_000,
      });
      slowestStart = Math.max(slowestStart, performance.now() - startedAt);
    }
    if (slowestStart > 10_000) faults.push(`the next owner consumed after ${Math.round(slowestStart)} ms`);
    const saidBefore = world.said.length;
    world.signal(sender, 'SIGTERM');
    await waitFor(() => world.said.slice(saidBefore).some((line) => line.startsWith(`${sender} stopped`)), {
      what: `${sender} having ended`,
      deadlineMs: 30_000,
    });
    const ended = world.said.slice(saidBefore).find((line) => line.startsWith(`${sender} stopped`)) ?? '';
    if (!ended.includes('(exit code 0)')) faults.push(ended);
    await world.settle(client);
    return judgeMail(client, {
      faults,
      note: `${stops} stops with ${underWay} under way; slowest stop ${Math.round(slowestStop)} ms, slowest start ${Math.round(slowestStart)} ms`,
    });
  },
};

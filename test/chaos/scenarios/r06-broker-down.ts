// R06: the broker is killed (kill -9) and is back after a while. The ingress answers 503 within 5 s and never hangs, what
// was acknowledged arrives, and everything is consumed within a minute of its return, with nobody's help.
import { setTimeout as pause } from 'node:timers/promises';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, steadyTraffic } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

export const brokerDown: Scenario = {
  id: 'R06',
  title: 'the broker killed, and back after a while',
  run: async (world, scale) => {
    await world.atLeast('email-send', 2);
    const client = await world.client();
    const faults: string[] = [];
    const traffic = steadyTraffic(client, {
      round: () => Array.from({ length: 5 }, () => mailTo(20)),
      callers: 5,
      pauseMs: 100,
    });
    await pause(2_000);
    for (const awayMs of sized(scale, [8_000], [5_000, 30_000], [5_000, 30_000, 120_000])) {
      // It restarts at once, but behind a door that stays shut.
      world.stores.kafka.signal('SIGKILL');
      await world.stores.kafka.proxy.mode({ kind: 'refuse' });
      await pause(awayMs);
      await world.stores.kafka.proxy.mode({ kind: 'pass' });
      await pause(5_000);
    }
    await traffic.stop();
    const backAt = performance.now();
    await world.settle(client, { deadlineMs: 200_000 });
    const tookMs = performance.now() - backAt;
    if (tookMs > 60_000) faults.push(`it took ${Math.round(tookMs / 1_000)} s until all was consumed`);
    if (client.slowestMs > 5_000) faults.push(`a caller waited ${Math.round(client.slowestMs)} ms`);
    const strange = [...client.answers.keys()].filter((status) => status !== 202 && status !== 503);
    if (strange.length > 0) faults.push(`callers were answered ${strange.join(', ')}`);
    return judgeMail(client, {
      faults,
      note: `slowest answer ${Math.round(client.slowestMs)} ms; consumed after ${Math.round(tookMs / 1_000)} s`,
    });
  },
};

// R07: the broker is stopped (SIGSTOP): connections stand, and nothing answers. Held to the same. With one broker there is
// no other to take over; killing the leader and the coordinator of three is left to a cluster.
export const brokerStopped: Scenario = {
  id: 'R07',
  title: 'the broker stopped for 20 s',
  run: async (world, scale) => {
    await world.atLeast('email-send', 2);
    const client = await world.client();
    const faults: string[] = [];
    const traffic = steadyTraffic(client, {
      round: () => Array.from({ length: 5 }, () => mailTo(20)),
      callers: 5,
      pauseMs: 100,
    });
    await pause(2_000);
    for (let stop = 0; stop < sized(scale, 1, 1, 5); stop += 1) {
      world.stores.kafka.signal('SIGSTOP');
      await pause(20_000);
      world.stores.kafka.signal('SIGCONT');
      await pause(5_000);
    }
    await traffic.stop();
    const backAt = performance.now();
    await world.settle(client, { deadlineMs: 200_000 });
    const tookMs = performance.now() - backAt;
    if (tookMs > 60_000) faults.push(`it took ${Math.round(tookMs / 1_000)} s until all was consumed`);
    if (client.slowestMs > 5_000) faults.push(`a caller waited ${Math.round(client.slowestMs)} ms`);
    return judgeMail(client, {
      faults,
      note: `slowest answer ${Math.round(client.slowestMs)} ms; consumed after ${Math.round(tookMs / 1_000)} s`,
    });
  },
};

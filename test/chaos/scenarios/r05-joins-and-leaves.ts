// R05: senders join and leave while mail flows. Nobody is lost or mailed twice, no gap in the sending is longer than 20 s, and
// every sender that stayed has sent.
import { setTimeout as pause } from 'node:timers/promises';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, steadyTraffic } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

export const joinsAndLeaves: Scenario = {
  id: 'R05',
  title: 'senders joining and leaving',
  run: async (world, scale) => {
    const [staying = ''] = await world.atLeast('email-send', 1);
    const client = await world.client();
    const faults: string[] = [];
    const traffic = steadyTraffic(client, {
      round: () => Array.from({ length: 4 }, () => mailTo(10)),
      callers: 4,
      pauseMs: 200,
    });
    const rounds = sized(scale, 2, 3, 5);
    for (let round = 0; round < rounds; round += 1) {
      const joined = await world.join('email-send');
      await pause(sized(scale, 2_000, 4_000, 25_000));
      await world.leave(joined);
      await pause(sized(scale, 1_000, 2_000, 25_000));
    }
    // One that joins now has its share of the partitions, and uses it.
    const last = await world.join('email-send');
    await pause(8_000);
    await traffic.stop();
    await world.settle(client);
    for (const name of [staying, last]) {
      const metrics = await (await fetch(`${world.adminUrl(name)}/metrics`)).text();
      if (!/consumer_records_total\{[^}]*outcome="handled"[^}]*\} [1-9]/.test(metrics)) faults.push(`${name} was idle`);
    }
    const times = (await client.accepted()).map(({ at }) => Date.parse(at ?? '')).sort((a, b) => a - b);
    const gap = times.reduce((longest, time, index) => Math.max(longest, time - (times[index - 1] ?? time)), 0);
    if (gap > 20_000) faults.push(`nothing was sent for ${gap} ms`);
    return judgeMail(client, { faults, note: `${rounds + 1} joins, ${rounds} leaves; longest gap ${gap} ms` });
  },
};

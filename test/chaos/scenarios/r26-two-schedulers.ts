// R26, as far as due rows and the reaper go: two schedulers that are killed at their ticks, and both down for a while. Everything
// that is due goes out, once. (Subscriptions and their runs do not exist yet.)
import { setTimeout as pause } from 'node:timers/promises';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

export const twoSchedulers: Scenario = {
  id: 'R26',
  title: 'two schedulers killed at their ticks',
  run: async (world, scale) => {
    await world.atLeast('email-send', 1);
    const schedulers = await world.atLeast('scheduler', 2);
    const client = await world.client();
    const requests = sized(scale, 20, 60, 200);
    const spreadMs = sized(scale, 10_000, 20_000, 60_000);
    await postAll(
      client,
      Array.from({ length: requests }, (_, index) =>
        mailTo(20, { sendAt: new Date(Date.now() + 3_000 + (index / requests) * spreadMs).toISOString() }),
      ),
      4,
    );
    const kills = sized(scale, 4, 8, 50);
    for (let kill = 0; kill < kills; kill += 1) {
      await pause(world.random() * (spreadMs / kills) * 2);
      world.signal(schedulers[Math.floor(world.random() * schedulers.length)] ?? '', 'SIGKILL');
    }
    // Both down over several ticks.
    for (const name of schedulers) world.signal(name, 'SIGSTOP');
    await pause(4_000);
    for (const name of schedulers) world.signal(name, 'SIGCONT');
    await world.settle(client);
    return judgeMail(client, { note: `${kills} kills, both stopped for 4 s` });
  },
};

// R03: a sender is stopped (SIGSTOP) past its session and leases, and goes on afterwards. What it held is another's by then:
// nothing it still writes counts, it calls no ESP for what it lost, and no more are mailed twice than it had under way.
import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '../../support/wait-for.ts';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

export const stoppedSender: Scenario = {
  id: 'R03',
  title: 'a sender stopped past its leases, and going on',
  run: async (world, scale) => {
    const [process, mailClass] = sized(
      scale,
      ['email-send-otp', 'otp'],
      ['email-send-otp', 'otp'],
      ['email-send', 'transactional'],
    );
    const stopMs = sized(scale, 30_000, 45_000, 150_000);
    const senders = await world.atLeast(process, 2);
    const client = await world.client();
    for (const esp of ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses']) {
      await client.control(esp, { latencyMs: 1_500, delivered: 0, bounced: 0 });
    }
    const bodies = Array.from({ length: sized(scale, 20, 40, 100) }, () => mailTo(100, { class: mailClass }));
    const posting = postAll(client, bodies, 4);
    await waitFor(
      async () =>
        Number(
          (await world.sql<{ n: string }>(`select count(*) as n from messages where status = 'sending'`))[0]?.n ?? 0,
        ) > 200,
      { what: 'calls being under way', deadlineMs: 60_000 },
    );
    const name = senders[Math.floor(world.random() * senders.length)] ?? process;
    world.signal(name, 'SIGSTOP');
    const [row] = await world.sql<{ n: string }>(`select count(*) as n from messages where status = 'sending'`);
    const underWay = Number(row?.n ?? 0);
    await pause(stopMs);
    // Whoever takes over is done with all of it before the stopped one wakes up, or after.
    world.signal(name, 'SIGCONT');
    await posting;
    await world.settle(client);
    return judgeMail(client, {
      duplicatesAtMost: underWay,
      note: `stopped for ${stopMs / 1_000} s with ${underWay} under way`,
    });
  },
};

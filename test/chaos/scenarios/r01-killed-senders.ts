// R01: kill -9 on a random one of three senders at random moments while mail flows. Nobody is lost; no more are mailed twice
// than were under way at the kills, each of them flagged; and SparkPost, which has idempotency keys, mails nobody twice.
import { setTimeout as pause } from 'node:timers/promises';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

export const killedSenders: Scenario = {
  id: 'R01',
  title: 'senders killed while mail flows',
  run: async (world, scale) => {
    // One-time codes have the shortest leases and windows, but no time for the same call again at SparkPost.
    const [process, mailClass] = sized(
      scale,
      ['email-send-otp', 'otp'],
      ['email-send', 'transactional'],
      ['email-send', 'transactional'],
    );
    const mails = sized(scale, 2_000, 5_000, 20_000);
    const kills = sized(scale, 3, 6, 20);
    const perRequest = 50;
    const senders = await world.atLeast(process, 3);
    const client = await world.client();
    for (const esp of ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses']) {
      // Slow enough to be caught with calls under way; silent for half, so that the second attempt is needed, too.
      await client.control(esp, { latencyMs: 300, delivered: 0.5, bounced: 0, opened: 0, webhookDelayMs: 500 });
    }
    await client.control('smtp', { latencyMs: 100 });
    const bodies = Array.from({ length: mails / perRequest }, () => mailTo(perRequest, { class: mailClass }));
    let underWay = 0;
    const harm = async (): Promise<void> => {
      for (let kill = 0; kill < kills; kill += 1) {
        await pause(500 + world.random() * 2_000);
        const name = senders[Math.floor(world.random() * senders.length)] ?? process;
        if (!world.signal(name, 'SIGKILL')) continue;
        // No answer is written for what it held: this counts all that was under way then, whoever held it.
        const [row] = await world.sql<{ n: string }>(`select count(*) as n from messages where status = 'sending'`);
        underWay += Number(row?.n ?? 0);
      }
    };
    await Promise.all([postAll(client, bodies, 2), harm()]);
    await world.settle(client);
    return judgeMail(client, {
      duplicatesAtMost: underWay,
      neverTwiceAfter: mailClass === 'otp' ? [] : ['sparkpost'],
      note: `${kills} kills with ${underWay} under way`,
    });
  },
};

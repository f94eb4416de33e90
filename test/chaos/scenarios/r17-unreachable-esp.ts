// R17: an ESP whose answers come a byte a second, one that refuses connections, one whose name nobody knows, one that speaks no
// TLS. The deadline of a whole call holds, and what was definitely not sent goes to the next ESP at once, never twice.
import { mailTo, postAll } from '../traffic.ts';
import { sized, type Scenario } from '../scenario.ts';
import { judgeMail } from '../verdict.ts';

export const unreachableEsps: Scenario = {
  id: 'R17',
  title: 'an ESP that drips, and ESPs that cannot be reached',
  run: async (world, scale) => {
    const lane = 'email-send-otp';
    for (const name of world.copiesOf(lane)) await world.leave(name);
    const plain = world.settings.environment['SOCKETLABS_BASE_URL'] ?? '';
    await world.join(lane, {
      SPARKPOST_BASE_URL: 'http://no-such-host.invalid/sparkpost',
      SOCKETLABS_BASE_URL: plain.replace('http:', 'https:'),
    });
    const client = await world.client();
    await world.espProxies.postmark.mode({ kind: 'refuse' });
    const size = sized(scale, 60, 200, 500);
    const definite = Array.from({ length: size / 10 }, () =>
      mailTo(10, { class: 'otp', esps: ['postmark', 'sparkpost', 'socketlabs', 'ses'] }),
    );
    const begunAt = performance.now();
    await postAll(client, definite, 4);
    await world.settle(client, { deadlineMs: 60_000 });
    const tookMs = performance.now() - begunAt;
    const definitely = await judgeMail(client, {
      faults: tookMs > 30_000 ? [`failing over took ${Math.round(tookMs)} ms`] : [],
    });
    await world.espProxies.postmark.mode({ kind: 'pass' });

    const dripping = await world.client();
    await world.espProxies.sendgrid.mode({ kind: 'drip', msPerByte: 1_000 });
    await dripping.control('sendgrid', { webhookCopies: 0 });
    await postAll(dripping, [mailTo(20, { class: 'otp', esps: ['sendgrid', 'ses'] })], 1);
    await world.settle(dripping, { deadlineMs: 90_000 });
    const dripped = await judgeMail(dripping, { duplicatesAtMost: 20 });
    await world.espProxies.sendgrid.mode({ kind: 'pass' });
    for (const name of world.copiesOf(lane)) await world.leave(name);
    return {
      ...dripped,
      lost: definitely.lost + dripped.lost,
      duplicates: definitely.duplicates + dripped.duplicates,
      unflagged: definitely.unflagged + dripped.unflagged,
      phantom: definitely.phantom + dripped.phantom,
      faults: [...definitely.faults, ...dripped.faults],
      note: `definite: ${definitely.note}; dripping: ${dripped.note}`,
    };
  },
};

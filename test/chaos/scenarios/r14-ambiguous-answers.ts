// R14: mail is taken and the answer comes too late, while webhooks come in time: they prove the acceptance inside the
// window, and nobody is mailed twice.
import { waitFor } from '../../support/wait-for.ts';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

const steered = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses'];

const mails = (size: number, more: Readonly<Record<string, unknown>>) =>
  Array.from({ length: Math.ceil(size / 50) }, () => mailTo(Math.min(50, size), { esps: steered, ...more }));

export const lateAnswers: Scenario = {
  id: 'R14',
  title: 'taken, answered too late, told by webhooks in time',
  run: async (world, scale) => {
    await world.atLeast('email-send', 1);
    const client = await world.client();
    for (const esp of steered) {
      await client.control(esp, {
        acceptThenHang: 1,
        delivered: 0.9,
        bounced: 0.1,
        webhookDelayMs: sized(scale, 2_000, 5_000, 10_000),
      });
    }
    await postAll(client, mails(sized(scale, 200, 500, 1_000), {}), 4);
    await world.settle(client);
    return judgeMail(client);
  },
};

// R15: the same without webhooks. Nobody is mailed again before the window is over, whoever is says so, and the policy
// at-most-once mails nobody twice and shows what it does not know.
export const silentAnswers: Scenario = {
  id: 'R15',
  title: 'taken, answered too late, and no webhook ever',
  run: async (world, scale) => {
    // The window of one-time codes is 3 s, that of transactional mail a minute; the rule is one.
    const [process, mailClass] = sized(
      scale,
      ['email-send-otp', 'otp'],
      ['email-send-otp', 'otp'],
      ['email-send', 'transactional'],
    );
    await world.atLeast(process, 1);
    const client = await world.client();
    for (const esp of steered) await client.control(esp, { acceptThenHang: 1, webhookCopies: 0 });
    const size = sized(scale, 100, 300, 1_000);
    const once = mails(size / 2, { class: mailClass, policy: 'at-most-once' });
    const onceAddresses = new Set(once.flatMap((body) => body.recipients.map(({ email }) => email)));
    await postAll(client, [...once, ...mails(size / 2, { class: mailClass })], 4);
    // The first attempt of everybody hangs; the second is answered.
    await waitFor(async () => (await client.accepted()).length >= client.acked.length, {
      what: 'every first attempt having been taken',
      deadlineMs: 180_000,
    });
    for (const esp of steered) await client.control(esp, { acceptThenHang: 0 });
    const onceIds = client.acked.filter(({ email }) => onceAddresses.has(email)).map(({ id }) => id);
    await world.settle(client, { mayStayUnknown: new Set(onceIds) });
    const accepted = await client.accepted();
    const told = await client.told();
    const faults: string[] = [];
    const times = new Map<string, number>();
    for (const { email } of accepted) times.set(email, (times.get(email) ?? 0) + 1);
    const twice = [...onceAddresses].filter((email) => (times.get(email) ?? 0) > 1);
    if (twice.length > 0) faults.push(`at-most-once mailed ${twice.length} twice`);
    const ofOnce = client.acked.filter(({ email }) => onceAddresses.has(email)).map(({ id }) => told.get(id)?.status);
    const states = [...new Set(ofOnce)].join(', ');
    const again = client.acked.filter(({ email }) => (times.get(email) ?? 0) > 1).length;
    if (again === 0) faults.push('nobody was sent to again, so nothing was shown');
    if (!ofOnce.includes('unknown')) faults.push(`no message of at-most-once is shown as unknown, but ${states}`);
    const open = client.acked.filter(
      ({ id, email }) => !onceAddresses.has(email) && told.get(id)?.status === 'unknown',
    );
    if (open.length > 0) faults.push(`${open.length} of at-least-once stayed unknown`);
    return judgeMail(client, { faults, duplicatesAtMost: size, mayStayUnknown: true, note: `at-most-once: ${states}` });
  },
};

// R16: the connection is reset right after mail was taken, single messages and whole calls alike: every recipient of the
// call is unknown on its own, and the bounds are the same.
export const resetAnswers: Scenario = {
  id: 'R16',
  title: 'reset right after mail was taken',
  run: async (world, scale) => {
    await world.atLeast('email-send-otp', 1);
    const client = await world.client();
    for (const esp of steered)
      await client.control(esp, { acceptThenReset: 0.5, truncated: 0.2, delivered: 0.5, bounced: 0, opened: 0 });
    const size = sized(scale, 200, 500, 500);
    await postAll(
      client,
      [...mails(size, { class: 'otp' }), mailTo(100, { class: 'otp', esps: ['sendgrid', 'sparkpost'] })],
      4,
    );
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    for (const esp of steered) await client.control(esp, { acceptThenReset: 0, truncated: 0 });
    await world.settle(client);
    return judgeMail(client, { duplicatesAtMost: size + 100 });
  },
};

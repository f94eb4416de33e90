// R02: a sender dies at a named point, again and again: before it claims, after it has claimed, after the ESP took the mail,
// after the answer was written, before the offset is committed. Only the third can mail anybody twice, and says so.
import { waitFor } from '../../support/wait-for.ts';
import { failpoints, type Failpoint } from '../../../shared/runtime/failpoint.ts';
import { sized, type Finding, type Scale, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';
import type { World } from '../world.ts';

const lane = 'email-send-otp';

const dieAt = async (world: World, scale: Scale, points: readonly Failpoint[]): Promise<Finding> => {
  const client = await world.client();
  for (const esp of ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses']) {
    await client.control(esp, { latencyMs: 50, delivered: 0.5, bounced: 0, opened: 0 });
  }
  const deaths = sized(scale, 1, 1, 10);
  let sent = 0;
  for (const point of points) {
    for (const name of world.copiesOf(lane)) await world.leave(name);
    // One call at a time, so that whoever is mailed twice was mailed twice by this death.
    const dying = await world.join(lane, { FAILPOINT: `${point}:2`, WORKERS_PER_CONSUMER: '1' });
    const saidBefore = world.said.length;
    const died = (): number =>
      world.said.slice(saidBefore).filter((line) => line.startsWith(`${dying} stopped`)).length;
    const size = sized(scale, 40, 80, 200);
    sent += size;
    await postAll(
      client,
      Array.from({ length: size }, () => mailTo(1, { class: 'otp', esps: ['postmark'] })),
      4,
    );
    // What is left of the lane keeps it going until it has died often enough.
    await waitFor(
      async () => {
        if (died() < deaths) await client.post(mailTo(1, { class: 'otp', esps: ['postmark'] }));
        return died() >= deaths;
      },
      { what: `${dying} dying at ${point}`, deadlineMs: 90_000 },
    );
    await world.leave(dying);
  }
  await world.join(lane);
  await world.settle(client);
  const mayRepeat = points.includes('after-esp-accept');
  return judgeMail(client, {
    duplicatesAtMost: mayRepeat ? sent : 0,
    note: `${deaths} deaths at each of ${points.join(', ')}`,
  });
};

export const deathsThatMailNobodyTwice: Scenario = {
  id: 'R02',
  title: 'senders that die where nobody can be mailed twice',
  run: (world, scale) => {
    const points = failpoints.filter((point) => point !== 'after-esp-accept');
    return dieAt(world, scale, scale === 'core' ? ['after-claim', 'after-db-write'] : points);
  },
};

export const deathsAfterAcceptance: Scenario = {
  id: 'R02',
  title: 'senders that die after an ESP took the mail',
  run: (world, scale) => dieAt(world, scale, ['after-esp-accept']),
};

// R20: every group is set back to the beginning of its topics and reads all of it again. Nobody is mailed again, and no counter
// moves. Then dead letters that are beyond help are sent back three times: they come back, and nothing moves either.
import { waitFor } from '../../support/wait-for.ts';
import { countingOn } from '../counting.ts';
import { sized, type Scenario } from '../scenario.ts';
import type { World } from '../world.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

const readers = [
  'email-send',
  'email-send-otp',
  'delivery-events',
  'webhook-sendgrid',
  'webhook-postmark',
  'webhook-ses',
];

const topicName = (world: World, variable: string): string => world.settings.environment[variable] ?? '';

/** Everything that reading again could move. */
const questions = [
  'select * from esp_totals order by 1, 2, 3',
  'select domain, delivered, bounced from domain_counters order by 1',
  'select count(*) as n from events',
  'select status, count(*) as n from messages group by 1 order by 1',
  'select count(*) as n from attempts',
];

/** Sends those of the dead letters back that wait; answers how many. */
const replay = async (world: World, ids: readonly number[]): Promise<number> => {
  const response = await fetch(`${world.url}/v1/dead-letters/retry`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.settings.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ids }),
  });
  if (!response.ok) throw new Error(`the retry was answered ${response.status}`);
  return ((await response.json()) as { retried: number }).retried;
};

/** Dead letters that wait, from this id on. */
const waitingLetters = async (world: World, above: number): Promise<number[]> => {
  const rows = await world.sql<{ id: string }>(
    'select id from dead_letters where id > $1 and replayed_at is null and discarded_at is null order by id',
    [above],
  );
  return rows.map((row) => Number(row.id));
};

export const readAgain: Scenario = {
  id: 'R20',
  title: 'everything read again from the beginning',
  run: async (world, scale) => {
    await world.atLeast('email-send', 1);
    await world.atLeast('email-send-otp', 1);
    const client = await world.client();
    const counting = countingOn(world, { domains: 20, prefix: 'again' });
    for (const esp of ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses']) {
      await client.control(esp, { webhookDelayMs: 100 });
    }
    await postAll(
      client,
      Array.from({ length: sized(scale, 10, 40, 100) }, (_, index) =>
        mailTo(20, index % 2 === 0 ? {} : { class: 'otp' }),
      ),
      4,
    );
    await counting.publish(sized(scale, 500, 2_000, 10_000));
    // Records that no schema takes, and events of a domain that is none.
    const hopeless = 10;
    const [newest] = await world.sql<{ id: string }>('select coalesce(max(id), 0) as id from dead_letters');
    const above = Number(newest?.id ?? 0);
    await world.publish(topicName(world, 'KAFKA_EMAIL_TOPIC'), [
      ...Array.from({ length: hopeless / 2 }, (_, n) => ({ key: `bad-${n}`, value: `{"from":${n}` })),
    ]);
    await world.publish(topicName(world, 'KAFKA_DELIVERY_TOPIC'), [
      ...Array.from({ length: hopeless / 2 }, (_, n) => ({
        key: `bad-${n}`,
        value: JSON.stringify({ domain: 'no domain', type: 'delivered', count: 7 }),
      })),
    ]);
    const areBack = async (): Promise<number[] | undefined> => {
      const waiting = await waitingLetters(world, above);
      return waiting.length === hopeless ? waiting : undefined;
    };
    const letters = await waitFor(areBack, { what: 'all dead letters being kept', deadlineMs: 60_000 });
    await world.settle(client);
    const quiet = async (): Promise<void> => {
      await waitFor(
        async () => Object.values(await client.counts()).every(({ pendingWebhooks }) => pendingWebhooks === 0),
        { what: 'all webhooks being told', deadlineMs: 60_000 },
      );
    };
    await quiet();
    const topics = world.settings.environment;
    const topicOf = (group: string): string =>
      group === 'delivery-events'
        ? (topics['KAFKA_DELIVERY_TOPIC'] ?? '')
        : group.startsWith('webhook-')
          ? (topics[`WEBHOOK_TOPIC_${group.slice(8).toUpperCase()}`] ?? '')
          : `${topics['KAFKA_EMAIL_TOPIC'] ?? ''}${group.slice('email-send'.length)}`;
    for (const group of readers) await world.caughtUp(group, topicOf(group), 60_000);
    const snapshot = async (): Promise<readonly string[]> => {
      const told: string[] = [];
      for (const question of questions) told.push(JSON.stringify(await world.sql(question)));
      return told;
    };
    // Whatever webhooks still bring is counted before the picture is taken.
    await counting.faults();
    const acceptedBefore = (await client.accepted()).length;
    const before = await snapshot();
    const rounds = sized(scale, 1, 1, 3);
    for (let round = 0; round < rounds; round += 1) {
      for (const group of readers) for (const name of world.copiesOf(group)) await world.leave(name);
      await world.admin(async (admin) => {
        for (const group of readers) {
          await admin.resetOffsets({ groupId: group, topic: topicOf(group), earliest: true });
        }
      });
      for (const group of readers) await world.join(group);
      for (const group of readers) await world.caughtUp(group, topicOf(group), 120_000);
      await world.caughtUp('delivery-events', topicOf('delivery-events'), 60_000);
    }
    let replayed = 0;
    for (let time = 0; time < 3; time += 1) {
      replayed += await replay(world, letters);
      await waitFor(areBack, { what: 'the hopeless ones being back', deadlineMs: 60_000 });
    }
    const again = (await client.accepted()).length - acceptedBefore;
    const after = await snapshot();
    const faults = [
      ...(replayed === 3 * hopeless ? [] : [`${replayed} of ${3 * hopeless} dead letters were sent back`]),
      ...(again > 0 ? [`${again} mails went out again`] : []),
      ...questions.flatMap((question, index) =>
        before[index] === after[index] ? [] : [`the answer to "${question}" has changed`],
      ),
      ...(await counting.faults()),
    ];
    return judgeMail(client, {
      faults,
      note: `${rounds} times from the beginning, ${replayed} dead letters sent back`,
    });
  },
};

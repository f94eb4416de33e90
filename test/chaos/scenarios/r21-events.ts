// R21: unique events, each told many times, shuffled over four consumers that are killed and stopped. Each is stored once, each
// message has the most that was told of it, and the ESPs' statistics are exact.
import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '../../support/wait-for.ts';
import { countingOn, deliveryTopicOf } from '../counting.ts';
import { finding, sized, type Scale, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import type { World } from '../world.ts';

// From the least to the most that is known of a message's fate; what is not here proves that it was taken, and no more.
const ranks = ['sent', 'deferred', 'failed', 'delivered', 'bounced', 'complained'];
const types = ['deferred', 'delivered', 'bounced', 'complained', 'opened', 'clicked'] as const;

const harmed = async (world: World, scale: Scale, working: () => Promise<boolean>): Promise<string> => {
  const names = await world.atLeast('delivery-events', 4);
  const kills = sized(scale, 2, 4, 10);
  const stops = sized(scale, 1, 2, 5);
  for (let round = 0; round < Math.max(kills, stops); round += 1) {
    await pause(300 + world.random() * 1_500);
    const name = names[Math.floor(world.random() * names.length)] ?? '';
    if (round < kills) world.signal(name, 'SIGKILL');
    const other = names[Math.floor(world.random() * names.length)] ?? '';
    if (round < stops && other !== name) {
      world.signal(other, 'SIGSTOP');
      // Past its session, so that its partitions are another's when it goes on.
      await pause(sized(scale, 17_000, 17_000, 30_000));
      world.signal(other, 'SIGCONT');
    }
    if (!(await working())) break;
  }
  return `${kills} kills, ${stops} stops`;
};

export const repeatedEvents: Scenario = {
  id: 'R21',
  title: 'events told many times to consumers that are killed',
  run: async (world, scale) => {
    await world.atLeast('email-send', 1);
    const client = await world.client();
    const esps = ['sendgrid', 'postmark'];
    for (const esp of esps) await client.control(esp, { webhookCopies: 0 });
    const mails = sized(scale, 1_000, 4_000, 40_000);
    await postAll(
      client,
      Array.from({ length: mails / 100 }, () => mailTo(100, { esps })),
      4,
    );
    await world.settle(client);
    const totals = async (): Promise<ReadonlyMap<string, number>> => {
      const rows = await world.sql<Record<string, string>>(
        'select esp, sum(delivered) as delivered, sum(bounced) as bounced, sum(complained) as complained, sum(opened) as opened, sum(clicked) as clicked from esp_totals group by esp',
      );
      return new Map(
        rows.flatMap((row) =>
          ['delivered', 'bounced', 'complained', 'opened', 'clicked'].map(
            (type) => [`${row['esp'] ?? ''} ${type}`, Number(row[type])] as const,
          ),
        ),
      );
    };
    const before = await totals();
    const tag = `e${Math.floor(world.random() * 1e9)}`;
    const expectedStates = new Map<string, string>();
    const expectedFirsts = new Map<string, number>();
    const copies: { readonly key: string; readonly value: string }[] = [];
    let unique = 0;
    const espOf = new Map(
      (await world.sql<{ id: string; esp: string }>('select id, esp from messages')).map(({ id, esp }) => [id, esp]),
    );
    for (const { id, email } of client.acked) {
      const esp = espOf.get(id.replace('msg_', '')) ?? '';
      let state = 'sent';
      for (const type of types) {
        if (world.random() > 0.6) continue;
        unique += 1;
        if (ranks.indexOf(type) > ranks.indexOf(state)) state = type;
        if (type !== 'deferred') {
          const key = `${esp} ${type}`;
          expectedFirsts.set(key, (expectedFirsts.get(key) ?? 0) + 1);
        }
        const event = {
          ...{ domain: email.split('@')[1] ?? '', type, id: `${tag}-${id}-${type}` },
          ...{ at: new Date().toISOString(), messageId: id, esp },
        };
        const times = 1 + Math.floor(world.random() * sized(scale, 5, 12, 46));
        for (let copy = 0; copy < times; copy += 1) {
          copies.push({ key: `${Math.floor(world.random() * 1e6)}`, value: JSON.stringify(event) });
        }
      }
      expectedStates.set(id, state);
    }
    for (let place = copies.length - 1; place > 0; place -= 1) {
      const other = Math.floor(world.random() * (place + 1));
      const [a, b] = [copies[place], copies[other]];
      if (a !== undefined && b !== undefined) [copies[place], copies[other]] = [b, a];
    }
    const topic = deliveryTopicOf(world);
    await world.atLeast('delivery-events', 4);
    const publishing = world.publish(topic, copies);
    const harm = await harmed(world, scale, () => Promise.resolve(true));
    await publishing;
    await world.caughtUp('delivery-events', topic, 180_000);
    const [stored] = await world.sql<{ n: string }>(
      `select count(*) as n from events where message_id = any($1::uuid[])`,
      [client.acked.map(({ id }) => id.replace('msg_', ''))],
    );
    const told = await client.told();
    const wrongStates = [...expectedStates].filter(([id, state]) => told.get(id)?.status !== state);
    const after = await totals();
    const wrongTotals = [...expectedFirsts].filter(
      ([key, count]) => (after.get(key) ?? 0) - (before.get(key) ?? 0) !== count,
    );
    const faults = [
      ...(Number(stored?.n) === unique ? [] : [`${stored?.n ?? 0} events are stored, ${unique} were told`]),
      ...(wrongStates.length === 0
        ? []
        : [`${wrongStates.length} messages are in another state: ${wrongStates[0]?.join(' ') ?? ''}`]),
      ...wrongTotals.map(
        ([key, count]) => `${key}: ${(after.get(key) ?? 0) - (before.get(key) ?? 0)} counted, ${count} told`,
      ),
    ];
    return finding(faults, `${unique} events in ${copies.length} copies; ${harm}`);
  },
};

// R23: deliveries and bounces of many domains, one of which holds 30 %, under the same harm: exact for every one of them. And the
// threshold is strict: 1,000 deliveries say nothing yet, 1,001 without a bounce make a catch-all.
export const domainCounters: Scenario = {
  id: 'R23',
  title: 'domains counted by consumers that are killed',
  run: async (world, scale) => {
    const counting = countingOn(world, { domains: sized(scale, 200, 2_000, 50_000), prefix: 'counted' });
    await world.atLeast('delivery-events', 4);
    const records = sized(scale, 20_000, 100_000, 1_000_000);
    const publishing = counting.publish(records);
    const harm = await harmed(world, scale, () => Promise.resolve(true));
    await publishing;
    const faults = await counting.faults(180_000);
    const tag = `threshold${Math.floor(world.random() * 1e9)}.example`;
    const cases = [
      ['a', 999, 0, 'unknown'],
      ['b', 1_000, 0, 'unknown'],
      ['c', 1_001, 0, 'catch-all'],
      ['d', 1_001, 1, 'not-catch-all'],
    ] as const;
    await world.publish(
      deliveryTopicOf(world),
      cases.flatMap(([name, delivered, bounced]) => [
        { key: name, value: JSON.stringify({ domain: `${name}.${tag}`, type: 'delivered', count: delivered }) },
        ...(bounced > 0 ? [{ key: name, value: JSON.stringify({ domain: `${name}.${tag}`, type: 'bounced' }) }] : []),
      ]),
    );
    await world.caughtUp('delivery-events', deliveryTopicOf(world), 60_000);
    const client = await world.client();
    for (const [name, , , expected] of cases) {
      const { status } = (await client.get(`/v1/domains/${name}.${tag}`)) as { status: string };
      if (status !== expected) faults.push(`${name}.${tag} is ${status}, not ${expected}`);
    }
    return finding(faults, `${records} counted; ${harm}`);
  },
};

// R22: events that come before the answer to their send, bounces long after the delivery, and events of messages that nobody
// knows.
export const untimelyEvents: Scenario = {
  id: 'R22',
  title: 'events too early, too late, and of nobody',
  run: async (world, scale) => {
    await world.atLeast('email-send', 1);
    const client = await world.client();
    const esps = ['sendgrid', 'postmark', 'sparkpost', 'ses'];
    for (const esp of esps) {
      await client.control(esp, {
        eventsBeforeAnswer: true,
        delivered: 1,
        bounced: 0,
        opened: 0,
        clicked: 0,
        complained: 0,
      });
    }
    await postAll(
      client,
      Array.from({ length: sized(scale, 4, 20, 100) }, () => mailTo(20, { esps })),
      2,
    );
    await world.settle(client);
    const faults: string[] = [];
    await waitFor(async () => [...(await client.told()).values()].every(({ status }) => status === 'delivered'), {
      what: 'every message being delivered, though that was told before the answer',
      deadlineMs: 30_000,
    });
    const domain = `late${Math.floor(world.random() * 1e9)}.example`;
    const now = Date.now();
    const event = (more: Readonly<Record<string, unknown>>) => ({
      key: domain,
      value: JSON.stringify({ domain, esp: 'sendgrid', ...more }),
    });
    const unknown = 'msg_00000000-0000-7000-8000-000000000000';
    await world.publish(deliveryTopicOf(world), [
      event({ type: 'delivered', count: 1_001 }),
      event({
        type: 'delivered',
        id: `${domain}-1`,
        messageId: unknown,
        at: new Date(now - 3 * 86_400_000).toISOString(),
      }),
    ]);
    const verdict = async (): Promise<string> =>
      ((await client.get(`/v1/domains/${domain}`)) as { status: string }).status;
    await waitFor(async () => (await verdict()) === 'catch-all', {
      what: 'the domain being a catch-all',
      deadlineMs: 20_000,
    });
    await world.publish(deliveryTopicOf(world), [
      event({ type: 'bounced', id: `${domain}-2`, messageId: unknown, at: new Date(now).toISOString() }),
    ]);
    await waitFor(async () => (await verdict()) === 'not-catch-all', {
      what: 'the late bounce ending that',
      deadlineMs: 20_000,
    });
    const [orphans] = await world.sql<{ n: string }>(`select count(*) as n from events where domain = '${domain}'`);
    if (Number(orphans?.n) !== 2) faults.push(`${orphans?.n ?? 0} of 2 orphans are kept`);
    return finding(faults, `${client.acked.length} delivered before their answer; 2 orphans kept`);
  },
};

import { webhookEsps } from '../../shared/contracts/topics.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';
import { espVoices } from './esp-voices.ts';
import { few, seededBy, type PartOptions, type PartResult } from './part.ts';
import { fleetFaults, uncommitted } from './watch-fleet.ts';
import { keptDomain, largeClasses, webhookClasses, type HostilePost } from './webhook-classes.ts';

const perClass = 54;
const perLargeClass = 3;
const callers = 8;

interface Planned extends HostilePost {
  readonly esp: string;
  readonly kind: string;
}

const plan = ({ fleet, seeds }: PartOptions): Planned[] => {
  const random = seededBy(seeds[0] ?? 1);
  const voices = espVoices(fleet.environment);
  let n = 0;
  const next = (): number => (n += 1);
  const planned: Planned[] = [];
  for (const esp of webhookEsps) {
    const source = { esp, voice: voices[esp], random, next };
    for (const [kinds, times] of [
      [webhookClasses, perClass],
      [largeClasses, perLargeClass],
    ] as const) {
      for (const [kind, make] of Object.entries(kinds)) {
        for (let index = 0; index < times; index += 1) planned.push({ ...make(source), esp, kind });
      }
    }
  }
  return planned
    .map((post) => ({ post, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ post }) => post);
};

const countOf = async (url: string, statement: string): Promise<number> =>
  Number((await queryRows<{ n: string }>(url, statement))[0]?.n ?? 0);

/** 5,000 webhooks and more, genuine and forged, of every ESP. */
export const badWebhooks = async (options: PartOptions): Promise<PartResult> => {
  const { fleet, say } = options;
  const planned = plan(options);
  say(
    `webhooks: ${planned.length} posts of ${Object.keys(webhookClasses).length + Object.keys(largeClasses).length} classes, by ${webhookEsps.length} ESPs`,
  );
  const wrong: string[] = [];
  const taken: Planned[] = [];
  const left = [...planned];
  const judge = async (one: Planned): Promise<void> => {
    const answer = await fetch(`${fleet.url}/webhooks/${one.esp}`, {
      method: 'POST',
      headers: one.post.headers,
      body: new Uint8Array(one.post.body),
    });
    const text = await answer.text();
    // 0: whether it is genuine is for its mutated body to say.
    const isExpected = one.status === 0 ? answer.status === 200 || answer.status === 401 : answer.status === one.status;
    if (!isExpected) wrong.push(`${one.esp}, ${one.kind}: ${answer.status} instead of ${one.status}`);
    if (/\n\s+at .*\.(js|ts):\d/.test(text)) wrong.push(`${one.esp}, ${one.kind}: a stack trace`);
    if (answer.status === 200) taken.push(one);
  };
  const post = async (one: Planned): Promise<void> => {
    try {
      await judge(one);
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      wrong.push(`${one.esp}, ${one.kind}: no answer (${cause})`);
    }
  };
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let one = left.pop(); one !== undefined; one = left.pop()) await post(one);
    }),
  );
  say('webhooks: all are answered');

  const faults = few(wrong, 'answers were not as documented');
  const topicOf = (esp: string): string => fleet.environment[`WEBHOOK_TOPIC_${esp.toUpperCase()}`] ?? '';
  faults.push(
    ...(await uncommitted(
      fleet,
      webhookEsps.map((esp) => ({ group: `webhook-${esp}`, topic: topicOf(esp) })),
      300_000,
    )),
  );
  faults.push(
    ...(await uncommitted(
      fleet,
      [
        { group: 'delivery-events', topic: fleet.environment['KAFKA_DELIVERY_TOPIC'] ?? '' },
        ...webhookEsps.map((esp) => ({ group: 'dead-letters', topic: `${topicOf(esp)}.dead` })),
      ],
      300_000,
    )),
  );

  const wanted = taken.reduce((sum, { kept }) => sum + kept, 0);
  const stored = `select count(*) as n from events where domain = '${keptDomain}'`;
  await waitFor(async () => (await countOf(fleet.databaseUrl, stored)) >= wanted, {
    what: 'every good event stored',
    deadlineMs: 30_000,
  }).catch(() => undefined);
  const keptCount = await countOf(fleet.databaseUrl, stored);
  if (keptCount !== wanted) faults.push(`${keptCount} good events were kept instead of ${wanted}`);

  let deadCount = 0;
  for (const esp of webhookEsps) {
    const own = taken.filter((one) => one.esp === esp);
    const [least, more] = (['yes', 'either'] as const).map((fate) => own.filter(({ dead }) => dead === fate).length);
    const found = await countOf(
      fleet.databaseUrl,
      `select count(*) as n from dead_letters where topic = '${topicOf(esp)}'`,
    );
    const unexpected = await countOf(
      fleet.databaseUrl,
      `select count(*) as n from dead_letters where code = 'unexpected' and topic = '${topicOf(esp)}'`,
    );
    deadCount += found;
    if (found < (least ?? 0) || found > (least ?? 0) + (more ?? 0)) {
      faults.push(`${esp}: ${found} dead letters instead of ${least} to ${(least ?? 0) + (more ?? 0)}`);
    }
    if (unexpected > 0) faults.push(`${esp}: ${unexpected} webhooks made the translator throw what nobody expected`);
  }
  const others = await countOf(
    fleet.databaseUrl,
    `select count(*) as n from dead_letters where topic not like '%webhook%'`,
  );
  if (others > 0) faults.push(`${others} events that webhooks became are dead letters`);
  faults.push(...(await fleetFaults(fleet)));
  return {
    name: 'webhooks',
    note: `${planned.length} posts, ${taken.length} taken: ${keptCount} good events kept, ${deadCount} dead letters; seed ${options.seeds[0] ?? 1}`,
    faults,
  };
};

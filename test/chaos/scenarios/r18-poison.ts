// R18: records that can never succeed among many that can. Each of them is a dead letter exactly once, by topic, partition and
// offset; the others are done; no process ends.
import { waitFor } from '../../support/wait-for.ts';
import { deadLetters } from '../counting.ts';
import { sized, type Scenario } from '../scenario.ts';
import { judgeMail } from '../verdict.ts';
import { mailTo } from '../traffic.ts';
import type { ForeignRecord } from '../world.ts';

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

const request = (more: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ from: 'a@acme.example', text: 'x', recipients: [{ email: 'a@b.example' }], ...more });

/** A value of every kind that no consumer can make anything of. */
const poison: readonly (string | Buffer | null)[] = [
  null,
  '',
  ' ',
  '{',
  '{"from":"a@acme.example","recipients":[{"email":"a@b.exa',
  '5',
  '"text"',
  'null',
  'true',
  '[]',
  '{}',
  nested(10_000),
  `{"recipients":${nested(10_000)}}`,
  request({ recipients: [] }),
  request({ recipients: 'a@b.example' }),
  request({ recipients: [{ email: 'no address' }] }),
  request({ recipients: [{ email: 5 }] }),
  request({ from: 'no address' }),
  request({ text: undefined }),
  request({ subject: 'with a \u0000 in it' }),
  request({ text: 'with a \u0000 in it' }),
  request({ id: 'x'.repeat(1_000_000) }),
  request({ id: 'with spaces' }),
  request({ class: 'unheard-of' }),
  request({ sendAt: '99999-01-01T00:00:00Z' }),
  request({ sendAt: '0000-00-00' }),
  request({ esps: ['no-such-esp'] }),
  '{"from":"a@acme.example","text":"x","recipients":[{"email":"a@b.example"}],"attachments":[{"filename":1e400}]}',
  JSON.stringify({ domain: 'acme.example', type: 'delivered' }),
  Buffer.from([0xff, 0xfe, 0x00, 0x01]),
  Buffer.from(`{"from":"\xff"}`, 'latin1'),
  '{"__proto__":{"from":"a@acme.example"},"recipients":[]}',
  '{"constructor":{"prototype":{}}}',
];

export const poisonRecords: Scenario = {
  id: 'R18',
  title: 'poison among good records',
  run: async (world, scale) => {
    await world.atLeast('email-send', 2);
    const client = await world.client();
    const topic = world.settings.environment['KAFKA_EMAIL_TOPIC'] ?? '';
    const saidBefore = world.said.length;
    const deadBefore = await deadLetters(world);
    const good = sized(scale, 400, 2_000, 50_000);
    const tag = `p${Math.floor(world.random() * 1e9)}`;
    const records: ForeignRecord[] = Array.from({ length: good }, (_, index) => {
      const body = mailTo(1);
      client.announce(body);
      return { key: `good-${index}`, value: JSON.stringify({ ...body, id: `${tag}-${index}` }) };
    });
    poison.forEach((value, index) => {
      const place = Math.floor(world.random() * records.length);
      records.splice(place, 0, { key: `poison-${index}`, value });
    });
    const startedAt = performance.now();
    await world.publish(topic, records);
    await waitFor(
      async () => {
        const [row] = await world.sql<{ n: string }>(
          `select count(*) as n from messages where request_id like '${tag}-%' and status not in ('queued', 'sending')`,
        );
        return Number(row?.n ?? 0) === good;
      },
      { what: 'every good record being sent', deadlineMs: sized(scale, 60_000, 120_000, 300_000) },
    );
    const rate = Math.round((good / (performance.now() - startedAt)) * 1_000);
    const found = await waitFor(
      async () => {
        const dead = (await deadLetters(world)) - deadBefore;
        return dead >= poison.length ? dead : undefined;
      },
      { what: `${poison.length} dead letters`, deadlineMs: 30_000 },
    );
    const faults: string[] = [];
    if (found !== poison.length) faults.push(`${found} dead letters of ${poison.length} poison records`);
    const ended = world.said.slice(saidBefore).filter((line) => line.includes('stopped'));
    if (ended.length > 0) faults.push(`ended: ${ended.join('; ')}`);
    return judgeMail(client, { faults, note: `${good} good at ${rate}/s, ${found} dead letters` });
  },
};

// R19: a handler that fails for every record, as after a bad deploy. The partition stops instead of draining into the dead
// letters, readiness fails, and when it is mended nothing is lost.
export const badDeploy: Scenario = {
  id: 'R19',
  title: 'a handler that fails for every record',
  run: async (world, scale) => {
    for (const name of world.copiesOf('email-send')) await world.leave(name);
    const sender = await world.join('email-send');
    const client = await world.client();
    const deadBefore = await deadLetters(world);
    // Nothing that a consumer expects of Postgres.
    await world.sql(`create or replace function chaos_bug() returns trigger language plpgsql as $$
      begin raise exception 'a bug' using errcode = 'P0001'; end $$`);
    await world.sql(
      'create trigger chaos_bug before insert on requests for each statement execute function chaos_bug()',
    );
    const faults: string[] = [];
    try {
      const bodies = Array.from({ length: sized(scale, 200, 400, 2_000) }, () => mailTo(1));
      for (const body of bodies) await client.post(body);
      await waitFor(async () => (await fetch(`${world.adminUrl(sender)}/ready`)).status === 503, {
        what: 'the sender not being ready',
        deadlineMs: 30_000,
      });
      await new Promise((resolve) => setTimeout(resolve, sized(scale, 5_000, 15_000, 60_000)));
    } finally {
      await world.sql('drop trigger chaos_bug on requests');
    }
    const dead = (await deadLetters(world)) - deadBefore;
    if (dead > 100) faults.push(`${dead} dead letters, at most 100 may be`);
    // Those few are kept as they came, and are a person's to publish again.
    await waitFor(
      async () => {
        const told = await client.told();
        return client.acked.filter(({ id }) => !told.has(id)).length === dead;
      },
      { what: 'all but the dead letters being stored', deadlineMs: 60_000 },
    );
    await world.ready(sender, 30_000);
    const told = await client.told();
    const missing = new Set(client.acked.filter(({ id }) => !told.has(id)).map(({ id }) => id));
    const found = await judgeMail(client, { note: `${dead} dead letters` });
    const lost = found.lost - missing.size;
    return {
      ...found,
      lost: Math.max(0, lost),
      faults: [...faults, ...(lost > 0 ? [`${lost} lost`] : [])],
    };
  },
};

// Traffic moves by itself: away from an ESP that loses mail silently or is down, and back when it is well; exactly as decided.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { apportion } from '../../shared/domain/apportion.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, timesAccepted } from '../support/fleet-client.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';

const esps = ['sendgrid', 'postmark', 'sparkpost'];
const calm = {
  outage: false,
  delivered: 0.98,
  bounced: 0.01,
  complained: 0,
  opened: 0.3,
  clicked: 0,
  webhookDelayMs: 50,
};
const roundSeconds = 1;

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  // Three senders in the lane, so that what is the fleet's is not one process's.
  fleet = await startTestFleet({ env: { HEALTH_ROUND_SECONDS: String(roundSeconds), CONSUMER_WORKERS: '3' } });
  client = clientOf(fleet);
}, 180_000);
afterEach(async () => {
  for (const esp of esps) await client.control(esp, calm);
});
afterAll(() => fleet.stop(), 60_000);

/** Waits until the ESPs have told all they have to tell, and all of it is counted. */
const told = async (): Promise<void> => {
  await waitFor(
    async () => {
      const counts = (await (await fetch(`${fleet.simulatorUrl}/counts`)).json()) as Record<
        string,
        { pendingWebhooks: number }
      >;
      if (Object.values(counts).some(({ pendingWebhooks }) => pendingWebhooks > 0)) return false;
      const emitted = await (await fetch(`${fleet.simulatorUrl}/emitted`)).text();
      const [row] = await queryRows<{ n: string }>(fleet.databaseUrl, 'select count(*) as n from events');
      return Number(row?.n) === emitted.split('\n').filter((line) => line !== '').length;
    },
    { what: 'every event being counted', deadlineMs: 60_000 },
  );
};

const batch = async (id: string, size = 500): Promise<Awaited<ReturnType<typeof client.done>>> => {
  const request = await client.send(bulkRequest(size, { esps, batch: { id } }));
  return client.done(request.id, 60_000);
};

test('an ESP that begins to lose mail silently has less than a tenth two batches later', async () => {
  for (const esp of esps) await client.control(esp, { ...calm, delivered: esp === 'sendgrid' ? 0.98 : 0.93 });
  for (let n = 0; n < 6; n += 1) {
    const status = await batch('campaign');
    expect(Object.values(status.weights).reduce((sum, weight) => sum + weight, 0)).toBe(1_000);
    await told();
  }
  const before = await batch('campaign');
  expect(before.weights['sendgrid']).toBeGreaterThan(600);
  await told();

  await client.control('sendgrid', { delivered: 0.6 });
  await batch('campaign');
  await told();
  await batch('campaign');
  await told();
  const after = await batch('campaign');
  expect(after.window).toBe('since-last-batch');
  expect(after.weights['sendgrid']).toBeLessThan(100);
}, 240_000);

test('a request of 1,000 and a thousand requests of one both follow their weights', async () => {
  const large = await client.send(bulkRequest(1_000, { esps }));
  const { weights, split } = await client.done(large.id, 60_000);
  expect(split).toEqual(apportion(1_000, weights));

  const domains = ['gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'corp.example'];
  const one = (index: number) => ({
    ...bulkRequest(1, { esps }),
    recipients: [{ email: `single${index}@${domains[index % domains.length] ?? ''}`, substitutions: { name: 'Ann' } }],
  });
  const sent = await Promise.all(Array.from({ length: 1_000 }, (_, index) => client.send(one(index))));
  const statuses = await Promise.all(sent.map(({ id }) => client.done(id, 90_000)));
  for (const esp of esps) {
    const promised = statuses.reduce((sum, status) => sum + (status.weights[esp] ?? 0) / 1_000, 0);
    const planned = statuses.reduce((sum, status) => sum + (status.split[esp] ?? 0), 0);
    expect(Math.abs(planned - promised)).toBeLessThanOrEqual(1);
  }
}, 240_000);

test('an outage costs no mail and gets one probe a round from the whole fleet, and is over without a hand', async () => {
  for (const esp of esps) await client.control(esp, { ...calm, delivered: esp === 'postmark' ? 0.99 : 0.85 });
  const weightOf = async (esp: string) => {
    const { esps: rows } = (await client.get('/v1/weights')) as {
      esps: { esp: string; weight: number; health: string }[];
    };
    return rows.find((row) => row.esp === esp);
  };
  const requests: string[] = [];
  const sendSome = async (): Promise<void> => {
    const { id } = await client.send(bulkRequest(60, { esps }));
    requests.push(id);
  };
  const untilItLeads = () =>
    waitFor(
      async () => {
        await sendSome();
        const row = await weightOf('postmark');
        return row?.health === 'healthy' && row.weight > 300;
      },
      { what: 'the best ESP having most of the mail', deadlineMs: 90_000 },
    );
  await untilItLeads();
  await client.control('postmark', { outage: true });
  await waitFor(
    async () => {
      await sendSome();
      const row = await weightOf('postmark');
      return row?.health === 'unhealthy' && row.weight === 0;
    },
    { what: 'the ESP that is down losing its weight', deadlineMs: 60_000 },
  );
  const [sickSince] = await queryRows<{ at: string }>(fleet.databaseUrl, 'select now()::text as at');
  const probed = () =>
    queryRows<{ round: string; n: string }>(
      fleet.databaseUrl,
      `select floor(extract(epoch from started_at) / ${roundSeconds})::text as round, count(*) as n from attempts
       where esp = 'postmark' and error not like '%(unhealthy)%' and started_at > '${sickSince?.at ?? ''}'
       group by 1`,
    );
  await waitFor(
    async () => {
      await sendSome();
      return (await probed()).length >= 3;
    },
    { what: 'three rounds having had their probe', deadlineMs: 60_000 },
  );
  for (const { n } of await probed()) expect(Number(n)).toBe(1);

  await client.control('postmark', { outage: false });
  await untilItLeads();
  for (const id of requests) {
    const status = await client.done(id, 60_000);
    expect(status.counts['failed'] ?? 0).toBe(0);
  }
  const times = timesAccepted(await client.accepted());
  const list = (await Promise.all(requests.map((id) => client.messages(id)))).flat();
  expect(list.filter((message) => times.get(message.id) !== 1)).toEqual([]);
}, 240_000);

// An ESP that is down costs nobody their mail: the other carries it at once; with none left it waits and goes out later.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, steeredEsps, timesAccepted } from '../support/fleet-client.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet({ env: { HEALTH_ROUND_SECONDS: '1' } });
  client = clientOf(fleet);
}, 120_000);
afterEach(async () => {
  for (const esp of steeredEsps) await client.control(esp, { outage: false, acceptThenHang: 0, acceptThenReset: 0 });
});
afterAll(() => fleet.stop(), 60_000);

test('an outage of one ESP: the other carries everything in the same batch, and the plan still stands', async () => {
  await client.control('sendgrid', { outage: true });
  const { id, messages } = await client.send(bulkRequest(1_000));
  const status = await client.done(id, 60_000);
  expect(status.carried).toEqual({ postmark: 1_000 });
  expect(status.split['sendgrid']).toBeGreaterThan(0);
  expect(timesAccepted(await client.accepted()).size).toBe(messages.length);
  const list = await client.messages(id);
  expect(list.every((message) => message.esp === 'postmark' && !message.duplicateSuspected)).toBe(true);
}, 90_000);

test('an ESP that fails round after round becomes unhealthy, loses its share, and recovers by itself', async () => {
  await client.control('sendgrid', { outage: true });
  const weightOf = async (esp: string) => {
    const { esps } = (await client.get('/v1/weights')) as { esps: { esp: string; weight: number; health: string }[] };
    return esps.find((row) => row.esp === esp);
  };
  const untilSick = async () => {
    await client.send(bulkRequest(20, { esps: ['sendgrid'] }));
    const row = await weightOf('sendgrid');
    return row?.health === 'unhealthy' && row.weight === 0 ? row : undefined;
  };
  await waitFor(untilSick, { what: 'the sick ESP losing its weight', deadlineMs: 40_000 });
  await client.control('sendgrid', { outage: false });
  const untilWell = async () => {
    await client.send(bulkRequest(5, { esps: ['sendgrid'] }));
    const row = await weightOf('sendgrid');
    return row?.health === 'healthy' && row.weight > 0 ? row : undefined;
  };
  await waitFor(untilWell, { what: 'the ESP being well again', deadlineMs: 60_000 });
}, 120_000);

test('with every ESP down mail waits in its row, and goes out when one is back', async () => {
  for (const esp of steeredEsps) await client.control(esp, { outage: true });
  const { id } = await client.send(bulkRequest(50));
  await waitFor(
    async () => {
      const rows = await queryRows<{ n: string }>(
        fleet.databaseUrl,
        `select count(*) as n from messages where request_id = '${id}' and status = 'queued' and attempt >= 2 and due_at is not null`,
      );
      return rows[0]?.n === '50';
    },
    { what: 'all 50 waiting for their time', deadlineMs: 30_000 },
  );
  for (const esp of steeredEsps) await client.control(esp, { outage: false });
  const status = await client.done(id, 60_000);
  expect(status.counts['failed'] ?? 0).toBe(0);
}, 120_000);

test('an answer that is lost after acceptance is unknown first, and settled by the webhook without a second mail', async () => {
  for (const esp of steeredEsps)
    await client.control(esp, { acceptThenReset: 1, delivered: 1, bounced: 0, webhookDelayMs: 500 });
  const { id, messages } = await client.send(bulkRequest(40));
  const status = await client.done(id, 60_000);
  expect(status.counts['delivered'] ?? 0).toBe(40);
  const times = timesAccepted(await client.accepted());
  expect(messages.filter((message) => times.get(message.id) !== 1)).toEqual([]);
}, 90_000);

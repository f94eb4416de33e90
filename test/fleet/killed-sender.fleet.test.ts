// kill -9 on a sender in the middle of 5,000 recipients: nobody is lost, and whoever got two mails is flagged.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, steeredEsps, timesAccepted } from '../support/fleet-client.ts';
import { waitFor } from '../support/wait-for.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet();
  client = clientOf(fleet);
  // Slow enough to be caught with calls under way; half of what is accepted is never told of, so that the reaper and
  // the second attempt are needed, too.
  for (const esp of steeredEsps) await client.control(esp, { latencyMs: 300, delivered: 0.5, bounced: 0, opened: 0 });
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

test('a sender that is killed loses nobody, and every duplicate is flagged', async () => {
  // The lane of one-time codes has the shortest leases and windows, by the same rules.
  const { id, messages } = await client.send(bulkRequest(5_000, { class: 'otp' }));
  await waitFor(async () => (await client.accepted()).length > 500, {
    what: 'some calls having been answered',
    deadlineMs: 30_000,
  });
  expect(fleet.kill('email-send-otp', 'SIGKILL')).toBe(true);

  const status = await client.done(id, 180_000);
  expect(Object.values(status.counts).reduce((sum, count) => sum + count, 0)).toBe(5_000);

  const times = timesAccepted(await client.accepted());
  const lost = messages.filter((message) => !times.has(message.id));
  expect(lost).toEqual([]);
  const flagged = new Set(
    (await client.messages(id)).filter((message) => message.duplicateSuspected).map((message) => message.id),
  );
  const unflagged = [...times].filter(([messageId, count]) => count > 1 && !flagged.has(messageId));
  expect(unflagged).toEqual([]);
  expect(fleet.said[0]).toContain('email-send-otp stopped unexpectedly');
}, 240_000);

test('a sender that is asked to stop finishes what it has in hand', async () => {
  const { id, messages } = await client.send(bulkRequest(3_000));
  await waitFor(async () => ((await client.status(id)).counts['sending'] ?? 0) > 0, {
    what: 'messages being sent',
    deadlineMs: 30_000,
  });
  expect(fleet.kill('email-send', 'SIGTERM')).toBe(true);
  const status = await client.done(id, 60_000);
  expect(status.counts['unknown'] ?? 0).toBe(0);
  const times = timesAccepted(await client.accepted());
  expect(messages.filter((message) => times.get(message.id) !== 1)).toEqual([]);
}, 120_000);

// What the fleet may send an ESP holds for all its processes together: a rate is never exceeded, a spent day goes elsewhere.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, timesAccepted, type AcceptedLine } from '../support/fleet-client.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet();
  client = clientOf(fleet);
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

const limit = async (esp: string, limits: object): Promise<void> => {
  const response = await fetch(`${fleet.url}/v1/esps/${esp}/limits`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${fleet.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(limits),
  });
  if (!response.ok) throw new Error(`answered ${response.status}: ${await response.text()}`);
};

test('two lanes together keep to an ESP’s rate, and send everything', async () => {
  const perSecond = 40;
  await limit('sendgrid', { perSecond });
  const startedAt = Date.now();
  const requests = await Promise.all(
    ['transactional', 'bulk'].map((lane) => client.send(bulkRequest(120, { class: lane, esps: ['sendgrid'] }))),
  );
  for (const { id } of requests) await client.done(id, 60_000);
  const lines = (await client.accepted()) as (AcceptedLine & { readonly at: string })[];
  expect(timesAccepted(lines).size).toBe(240);
  const times = lines.map(({ at }) => (Date.parse(at) - startedAt) / 1_000).sort((a, b) => a - b);
  const excess = times.map((seconds, index) => index + 1 - (perSecond + perSecond * seconds));
  expect(Math.max(...excess)).toBeLessThanOrEqual(0);
}, 120_000);

test('what is beyond an ESP’s day goes to the next in the same batch, and none of it is told as its fault', async () => {
  await limit('sendgrid', { perSecond: null });
  // The 240 of before it had this limit count.
  await limit('sendgrid', { perDay: 340 });
  const { id } = await client.send(bulkRequest(1_000));
  const status = await client.done(id, 60_000);
  expect((status.carried['sendgrid'] ?? 0) + (status.carried['postmark'] ?? 0)).toBe(1_000);
  expect(status.carried['sendgrid']).toBeGreaterThan(0);
  expect(status.carried['sendgrid']).toBeLessThanOrEqual(100);
  const { data } = (await client.get('/v1/esps')) as { data: { esp: string; health: string; badRounds: number }[] };
  expect(data.find(({ esp }) => esp === 'sendgrid')).toMatchObject({ health: 'healthy', badRounds: 0 });
}, 120_000);

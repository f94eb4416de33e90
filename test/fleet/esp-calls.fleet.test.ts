// Bulk goes out in bulk: no more calls of an ESP than its limits ask for, through the whole fleet.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { espKinds, type EspKind } from '../../shared/esp/esp.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf } from '../support/fleet-client.ts';
import { waitFor } from '../support/wait-for.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet({ processes: ['simulator', 'ingress', 'email-send'] });
  client = clientOf(fleet);
}, 120_000);
beforeEach(async () => {
  await fetch(`${fleet.simulatorUrl}/reset`, { method: 'POST' });
  for (const kind of espKinds) await client.control(kind, { latencyMs: 0, jitterMs: 0, webhookCopies: 0 });
});
afterAll(() => fleet.stop(), 60_000);

interface Count {
  readonly calls: number;
  readonly accepted: number;
  /** Of the relay alone. */
  readonly connections?: { readonly opened: number; readonly open: number };
}
type Counts = Readonly<Record<string, Count>>;
const counts = async (): Promise<Counts> => (await (await fetch(`${fleet.simulatorUrl}/counts`)).json()) as Counts;

describe('ten thousand recipients', () => {
  test.each<[EspKind, number]>([
    ['sendgrid', 10],
    ['sparkpost', 10],
    ['postmark', 20],
    ['ses', 200],
    ['socketlabs', 200],
  ])(
    'through %s take %i calls',
    async (kind, calls) => {
      const { id } = await client.send(bulkRequest(10_000, { esps: [kind] }));
      const status = await client.done(id, 120_000);
      expect(status.counts['sent']).toBe(10_000);
      const { [kind]: own } = await counts();
      expect(own).toMatchObject({ calls, accepted: 10_000 });
    },
    150_000,
  );
});

test('five warm connections to a relay carry everything, and no message shakes hands', async () => {
  const open = async () => (await counts())['smtp']?.connections?.open === 5;
  await waitFor(open, { what: 'five connections to the relay' });
  const { id } = await client.send(bulkRequest(300, { esps: ['smtp'] }));
  const status = await client.done(id, 60_000);
  expect(status.counts['sent']).toBe(300);
  expect((await counts())['smtp']).toMatchObject({
    calls: 300,
    accepted: 300,
    // Counted since the reset before this test.
    connections: { opened: 0, open: 5 },
  });
}, 90_000);

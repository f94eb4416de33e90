// Large attachments: byte-equal through every ESP that takes them, and a clear end where none does.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { espKinds, type EspKind } from '../../shared/esp/esp.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { clientOf } from '../support/fleet-client.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet({ processes: ['simulator', 'ingress', 'email-send'] });
  client = clientOf(fleet);
  for (const kind of espKinds) await client.control(kind, { latencyMs: 0, jitterMs: 0, webhookCopies: 0 });
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

const megabyte = 1_048_576;
// Every byte, in an order that does not repeat within a line of base64.
const bytesOf = (size: number): Buffer => Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, n) => n)));

const requestOf = (content: Buffer, esps: readonly string[], recipients: number) => ({
  from: 'news@acme.example',
  subject: 'Large',
  text: '',
  esps,
  recipients: Array.from({ length: recipients }, (_, n) => ({
    email: `${esps.join('-')}${n}.${content.length}@a.example`,
  })),
  attachments: [
    { filename: 'large.dat', contentType: 'application/octet-stream', content: content.toString('base64') },
  ],
});

interface Attempted {
  readonly status: string;
  readonly attempts: readonly { readonly esp?: string; readonly error: string | null }[];
}

const sizes: readonly (readonly [EspKind, number])[] = [
  ['sendgrid', 20],
  ['postmark', 7],
  ['sparkpost', 20],
  ['socketlabs', 20],
  ['ses', 20],
  ['smtp', 20],
  ['ses', 25],
  ['smtp', 25],
];

describe('an attachment', () => {
  test.each(sizes)(
    'comes out of %s as it went in: %i MiB',
    async (kind, size) => {
      const content = bytesOf(size * megabyte);
      const { id, messages } = await client.send(requestOf(content, [kind], 1));
      expect((await client.done(id, 60_000)).counts['sent']).toBe(1);
      const lines = await client.accepted();
      expect(lines.find(({ messageId }) => messageId === messages[0]?.id)).toMatchObject({
        esp: kind,
        attachments: [{ sha256: createHash('sha256').update(content).digest('hex') }],
      });
    },
    90_000,
  );

  test('that is too large for Postmark fails there with its reason, once', async () => {
    const { id, messages } = await client.send(requestOf(bytesOf(20 * megabyte), ['postmark'], 1));
    expect((await client.done(id, 60_000)).counts['failed']).toBe(1);
    const message = (await client.get(`/v1/messages/${messages[0]?.id ?? ''}`)) as Attempted;
    expect(message.attempts).toHaveLength(1);
    expect(message.attempts[0]?.error).toMatch(/at most 10485760 bytes/);
  }, 90_000);

  test('that is too large for Postmark goes to an ESP that takes it', async () => {
    const { id } = await client.send(requestOf(bytesOf(20 * megabyte), ['postmark', 'sendgrid'], 2));
    const status = await client.done(id, 60_000);
    expect(status.split).toMatchObject({ postmark: 1, sendgrid: 1 });
    expect(status.carried).toEqual({ sendgrid: 2 });
  }, 90_000);

  test('of more than 25 MiB is refused at the door, with the numbers', async () => {
    const response = await client.post(requestOf(bytesOf(25 * megabyte + 1), ['smtp'], 1));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ detail: expect.stringMatching(/26214401 bytes.*at most 26214400/) });
  }, 90_000);
});

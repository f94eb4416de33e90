// A request goes all the way: split by the stored weights, sent, told of by webhooks, counted; and every number agrees.
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apportion } from '../../shared/domain/apportion.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, timesAccepted } from '../support/fleet-client.ts';
import { publishRecords } from '../support/publish-records.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet();
  client = clientOf(fleet);
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

describe('a request to 1,000 recipients', () => {
  test('is split exactly by its weights, and every count agrees with the ESPs own logs', async () => {
    const { id, messages } = await client.send(bulkRequest(1_000));
    expect(messages).toHaveLength(1_000);
    const status = await client.done(id, 60_000);

    expect(Object.values(status.weights).reduce((sum, weight) => sum + weight, 0)).toBe(1_000);
    expect(status.split).toEqual(apportion(1_000, status.weights));
    expect(status.window).toBe('30d');
    expect(Object.values(status.counts).reduce((sum, count) => sum + count, 0)).toBe(1_000);

    const lines = (await client.accepted()).filter(({ messageId }) =>
      messages.some((message) => message.id === messageId),
    );
    expect(lines).toHaveLength(1_000);
    expect(timesAccepted(lines).size).toBe(1_000);
    for (const [esp, count] of Object.entries(status.split)) {
      expect(lines.filter((line) => line.esp === esp)).toHaveLength(count);
    }
    const line = lines.find(({ email }) => email === 'u7@outlook.com');
    expect(line).toMatchObject({ subject: 'Hello N7', text: 'Hi N7' });
  }, 90_000);

  test('learns every outcome that the ESPs told of, and tells it message by message', async () => {
    const { id, messages } = await client.send(bulkRequest(200));
    await client.done(id, 60_000);
    const emitted = await waitFor(
      async () => {
        const counts = (await (await fetch(`${fleet.simulatorUrl}/counts`)).json()) as Record<
          string,
          { pendingWebhooks: number }
        >;
        if (Object.values(counts).some(({ pendingWebhooks }) => pendingWebhooks > 0)) return undefined;
        const text = await (await fetch(`${fleet.simulatorUrl}/emitted`)).text();
        const ids = new Set(messages.map((message) => message.id));
        return text
          .split('\n')
          .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { type: string; messageId: string }]))
          .filter(({ messageId }) => ids.has(messageId));
      },
      { what: 'the ESPs having told everything', deadlineMs: 30_000 },
    );
    const toldOf = (type: string): number =>
      new Set(emitted.filter((event) => event.type === type).map(({ messageId }) => messageId)).size;
    const counts = await waitFor(
      async () => {
        const { counts: now } = await client.status(id);
        const reached = (now['delivered'] ?? 0) + (now['complained'] ?? 0);
        return reached === toldOf('delivered') && (now['bounced'] ?? 0) === toldOf('bounced') ? now : undefined;
      },
      { what: 'states that agree with the emitted webhooks', deadlineMs: 20_000 },
    );
    expect(counts['queued']).toBe(0);

    const delivered = emitted.find(({ type }) => type === 'delivered')?.messageId ?? '';
    const message = (await client.get(`/v1/messages/${delivered}`)) as {
      status: string;
      attempts: { number: number; state: string }[];
      events: { type: string }[];
      decision: { weights: Record<string, number> };
    };
    expect(message.attempts).toMatchObject([{ number: 1, state: 'accepted' }]);
    expect(message.events.map(({ type }) => type)).toContain('delivered');
    expect(Object.values(message.decision.weights).reduce((sum, weight) => sum + weight, 0)).toBe(1_000);
  }, 90_000);
});

describe('a record from a foreign producer', () => {
  test('is sent like an HTTP request, once per id, and a poison record beside it costs only itself', async () => {
    const good = { from: 'a@acme.example', subject: 'foreign', text: 'hi', unknownField: true };
    await publishRecords(fleet, [
      JSON.stringify({ ...good, id: 'order-77', recipients: [{ email: 'order77@example.org' }] }),
      '{not json',
      null,
      Buffer.from([0xff, 0xfe]),
      JSON.stringify({ ...good, recipients: [{ email: 'not an address' }] }),
      JSON.stringify({ ...good, text: 'a\u0000b', recipients: [{ email: 'nul@example.org' }] }),
      JSON.stringify({ ...good, id: 'order-77', recipients: [{ email: 'order77@example.org' }] }),
      JSON.stringify({ ...good, recipients: [{ email: 'without-id@example.org' }] }),
    ]);
    const status = await client.done('order-77', 30_000);
    expect(status.total).toBe(1);
    await waitFor(async () => (await client.accepted()).some(({ email }) => email === 'without-id@example.org'), {
      what: 'the record behind the poison being sent',
      deadlineMs: 20_000,
    });
    expect((await client.accepted()).filter(({ email }) => email === 'order77@example.org')).toHaveLength(1);

    const letters = await waitFor(
      async () => {
        const rows = await queryRows<{ code: string }>(
          fleet.databaseUrl,
          'select code from dead_letters order by "offset"',
        );
        return rows.length >= 5 ? rows : undefined;
      },
      { what: 'five dead letters', deadlineMs: 20_000 },
    );
    expect(letters.map(({ code }) => code)).toEqual(['not-json', 'no-value', 'not-utf8', 'bad-request', 'bad-shape']);
    expect(fleet.said).toEqual([]);
  }, 90_000);
});

describe('weights', () => {
  test('a batch id weighs the last 30 days first and what came since afterwards', async () => {
    const first = await client.send(bulkRequest(100, { batch: { id: 'spring' } }));
    expect((await client.done(first.id, 30_000)).window).toBe('30d');
    const second = await client.send(bulkRequest(100, { batch: { id: 'spring' } }));
    const status = await client.done(second.id, 30_000);
    expect(status.window).toBe('since-last-batch');
    expect(status.split).toEqual(apportion(100, status.weights));
  }, 90_000);

  test('requests of one recipient follow the weights together', async () => {
    const ids = await Promise.all(
      Array.from(
        { length: 100 },
        async (_, index) =>
          (await client.send({ ...bulkRequest(1), recipients: [{ email: `single${index}@example.org` }] })).id,
      ),
    );
    const statuses = await Promise.all(ids.map((id) => client.done(id, 30_000)));
    // The weights may be learned anew in between; each set of them keeps its promise for the requests that followed it.
    const groups = new Map<string, typeof statuses>();
    for (const status of statuses) {
      const key = JSON.stringify(status.weights);
      groups.set(key, [...(groups.get(key) ?? []), status]);
    }
    for (const group of groups.values()) {
      for (const [esp, weight] of Object.entries(group[0]?.weights ?? {})) {
        const carried = group.filter(({ split }) => split[esp] === 1).length;
        expect(Math.abs(carried - (group.length * weight) / 1_000)).toBeLessThanOrEqual(2);
      }
    }
    expect(statuses.every(({ split }) => Object.values(split).reduce((sum, count) => sum + count, 0) === 1)).toBe(true);
  }, 90_000);

  test('an idempotency key sends one request once', async () => {
    const body = { ...bulkRequest(1), recipients: [{ email: 'idempotent@example.org' }] };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => client.post(body, { 'idempotency-key': 'key-1' })),
    );
    const codes = answers.map(({ status }) => status);
    expect(codes.filter((code) => code !== 202 && code !== 409)).toEqual([]);
    const replay = await client.post(body, { 'idempotency-key': 'key-1' });
    expect(replay.status).toBe(202);
    expect(replay.headers.get('idempotent-replayed')).toBe('true');
    expect((await client.post({ ...body, subject: 'other' }, { 'idempotency-key': 'key-1' })).status).toBe(422);
    const { id } = (await replay.json()) as { id: string };
    await client.done(id, 30_000);
    expect((await client.accepted()).filter(({ email }) => email === 'idempotent@example.org')).toHaveLength(1);
  }, 60_000);
});

describe('content that is too large for a record', () => {
  test('goes by claim check and arrives byte for byte at every recipient', async () => {
    const bytes = randomBytes(1_000_000);
    const { id } = await client.send({
      ...bulkRequest(3),
      text: undefined,
      html: '<p>Hi {{name}}{% for item in list %} [{{item}}]{% endfor %}</p>',
      data: { list: ['a', 'b'] },
      attachments: [{ filename: 'a.bin', contentType: 'application/octet-stream', content: bytes.toString('base64') }],
      recipients: [1, 2, 3].map((n) => ({ email: `large${n}@example.org`, substitutions: { name: `<L${n}>` } })),
    });
    await client.done(id, 30_000);
    const lines = (await client.accepted()).filter(({ email }) => email.startsWith('large'));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const n = line.email.slice(5, 6);
      expect(line).toMatchObject({
        text: `Hi <L${n}> [a] [b]`,
        html: `<p>Hi &lt;L${n}&gt; [a] [b]</p>`,
        attachments: [{ sha256 }],
      });
    }
  }, 60_000);

  test('above the limit of a message it is refused with a clear 413', async () => {
    const content = Buffer.alloc(27_000_000).toString('base64');
    const response = await client.post({
      ...bulkRequest(1),
      attachments: [{ filename: 'a.bin', contentType: 'application/octet-stream', content }],
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({
      title: 'Too large',
      detail: expect.stringContaining('at most 26214400 are carried'),
    });
  }, 60_000);
});

describe('how it is told', () => {
  test('the OpenAPI document lists every route of this version', async () => {
    const document = (await client.get('/openapi.json')) as { openapi: string; paths: Record<string, unknown> };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/emails',
        '/v1/emails/{requestId}',
        '/v1/messages',
        '/v1/messages/{id}',
        '/v1/weights',
        '/v1/esps',
        '/v1/domains/{name}',
        '/webhooks/{esp}',
        '/health/live',
        '/health/ready',
      ]),
    );
  });
});

// Two accounts of one ESP are two ESPs: a request is split over their names, and what each tells is credited to its own.
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../../fleet/ports.ts';
import { apportion } from '../../shared/domain/apportion.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, timesAccepted } from '../support/fleet-client.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = mkdtempSync(join(tmpdir(), 'mailfleet-accounts-'));
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  const [port, smtpPort] = await Promise.all([freePort(), freePort()]);
  const keyFile = join(folder, 'sendgrid-key');
  writeFileSync(keyFile, 'SG.simulated\n');
  const accountsFile = join(folder, 'accounts.json');
  const SENDGRID_BASE_URL = `http://127.0.0.1:${port}/sendgrid`;
  const sendgrid = {
    SENDGRID_API_KEY_FILE: keyFile,
    SENDGRID_BASE_URL,
    SENDGRID_WEBHOOK_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
  const relay = { SMTP_HOST: '127.0.0.1', SMTP_PORT: smtpPort, SMTP_USER: 'simulator', SMTP_PASS: 'simulated' };
  const accounts = [
    { name: 'sendgrid-eu', kind: 'sendgrid', settings: sendgrid },
    { name: 'relay-2', kind: 'smtp', settings: relay },
    { name: 'sendgrid-barred', kind: 'sendgrid', settings: { SENDGRID_API_KEY: 'SG.revoked', SENDGRID_BASE_URL } },
  ];
  writeFileSync(accountsFile, JSON.stringify({ accounts }));
  fleet = await startTestFleet({
    env: {
      ESP_ACCOUNTS_FILE: accountsFile,
      SIMULATOR_PORT: String(port),
      SIMULATOR_SMTP_PORT: String(smtpPort),
      SENDGRID_API_KEY: 'SG.simulated',
      SMTP_PASS: 'simulated',
      HEALTH_ROUND_SECONDS: '1',
    },
  });
  client = clientOf(fleet);
  // The simulator knows one SendGrid; what the accounts tell is told by the tests.
  await client.control('sendgrid', { webhookCopies: 0 });
}, 120_000);
afterAll(async () => {
  await fleet.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const postEvents = (name: string, events: readonly unknown[]): Promise<Response> => {
  const body = Buffer.from(JSON.stringify(events));
  const timestamp = String(Math.floor(Date.now() / 1_000));
  return fetch(`${fleet.url}/webhooks/${name}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-twilio-email-event-webhook-timestamp': timestamp,
      'x-twilio-email-event-webhook-signature': sign(
        'sha256',
        Buffer.concat([Buffer.from(timestamp), body]),
        privateKey,
      ).toString('base64'),
    },
    body,
  });
};

test('are listed with their kind, under a name each', async () => {
  const { data } = (await client.get('/v1/esps')) as { data: { esp: string; kind: string }[] };
  const named = new Map(data.map(({ esp, kind }) => [esp, kind]));
  expect(named.get('sendgrid-eu')).toBe('sendgrid');
  expect(named.get('relay-2')).toBe('smtp');
  expect(named.size).toBe(data.length);
});

test.each([[['sendgrid', 'sendgrid-eu']], [['smtp', 'relay-2']]])(
  'share a request over %j by their weights, every message once',
  async (esps) => {
    const { id, messages } = await client.send(bulkRequest(100, { esps }));
    const status = await client.done(id, 60_000);
    expect(Object.keys(status.split).sort()).toEqual([...esps].sort());
    expect(status.split).toEqual(apportion(100, status.weights));
    expect(status.carried).toEqual(status.split);
    const ids = new Set(messages.map((message) => message.id));
    const lines = (await client.accepted()).filter(({ messageId }) => ids.has(messageId));
    expect([...timesAccepted(lines).values()]).toEqual(Array.from({ length: 100 }, () => 1));
  },
  90_000,
);

test('are credited with what comes under their name and is signed with their key', async () => {
  const { id } = await client.send(bulkRequest(20, { esps: ['sendgrid-eu'] }));
  await client.done(id, 60_000);
  const own = await client.messages(id);
  expect(own.map(({ esp }) => esp)).toEqual(own.map(() => 'sendgrid-eu'));
  const events = own.map((message) => ({
    event: 'delivered',
    email: 'ann@example.org',
    timestamp: Math.floor(Date.now() / 1_000),
    sg_event_id: `event-of-${message.id}`,
    mf_message_id: message.id,
  }));
  expect((await postEvents('sendgrid', events)).status).toBe(401);
  expect((await postEvents('sendgrid-eu', events)).status).toBe(200);
  await waitFor(async () => (await client.status(id)).counts['delivered'] === 20, {
    what: 'the events having arrived',
    deadlineMs: 30_000,
  });
  const counted = await queryRows<{ esp: string; delivered: string }>(
    fleet.databaseUrl,
    `select esp, sum(delivered) as delivered from esp_statistics where esp like 'sendgrid%' and delivered > 0 group by esp`,
  );
  expect(counted).toEqual([{ esp: 'sendgrid-eu', delivered: '20' }]);
  const message = (await client.get(`/v1/messages/${own[0]?.id ?? ''}`)) as { events: { type: string; esp: string }[] };
  expect(message.events).toEqual([expect.objectContaining({ type: 'delivered', esp: 'sendgrid-eu' })]);
}, 90_000);

test('are judged one by one: a revoked key makes its own account unhealthy at once, and an operator is told', async () => {
  const { id } = await client.send(bulkRequest(100, { esps: ['sendgrid', 'sendgrid-barred'] }));
  const status = await client.done(id, 60_000);
  expect(status.split['sendgrid-barred']).toBeGreaterThan(0);
  expect(status.carried).toEqual({ sendgrid: 100 });
  const listed = async () => {
    const { data } = (await client.get('/v1/esps')) as {
      data: { esp: string; health: string; lastError: string | null }[];
    };
    return new Map(data.map((esp) => [esp.esp, esp]));
  };
  const barred = await waitFor(
    async () => {
      const esps = await listed();
      return esps.get('sendgrid-barred')?.health === 'unhealthy' ? esps.get('sendgrid-barred') : undefined;
    },
    { what: 'the account with the revoked key being unhealthy', deadlineMs: 20_000 },
  );
  expect(barred.lastError).toMatch(/^sendgrid-barred: .*\(401\)$/);
  expect((await listed()).get('sendgrid')?.health).toBe('healthy');
  const metrics = await (await fetch(`${fleet.adminUrl('email-send')}/metrics`)).text();
  expect(metrics).toMatch(/esp_credentials_refused_total\{esp="sendgrid-barred",process="email-send"\} [1-9]/);
}, 90_000);

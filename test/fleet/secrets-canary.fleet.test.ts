// No address, body, code or secret stands in any log, metric or error answer, at the most talkative level, whatever fails.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clientOf } from '../support/fleet-client.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { publishRecords } from '../support/publish-records.ts';
import { waitFor } from '../support/wait-for.ts';

const canary = (name: string): string => `${name}canary${randomBytes(12).toString('hex')}`;
const secrets = {
  ADMIN_API_KEY: canary('admin'),
  JWT_SECRET: canary('jwt'),
  SENDGRID_API_KEY: `SG.${canary('sendgrid')}`,
  POSTMARK_SERVER_TOKEN: canary('postmark'),
  POSTMARK_WEBHOOK_PASSWORD: canary('webhook'),
  SPARKPOST_API_KEY: canary('sparkpost'),
  SPARKPOST_WEBHOOK_PASSWORD: canary('hook'),
  SOCKETLABS_API_KEY: canary('socketlabs'),
  SOCKETLABS_WEBHOOK_SECRET: canary('socket'),
  AWS_SECRET_ACCESS_KEY: canary('aws'),
  SMTP_PASS: canary('smtp'),
};
const private_ = {
  address: `${canary('ann')}@example.org`,
  foreign: `${canary('ben')}@example.net`,
  name: canary('Name'),
  subject: canary('subject'),
  body: canary('body'),
  variable: canary('variable'),
  attachment: canary('file'),
  header: canary('header'),
  guessedKey: canary('guess'),
};
const faults: readonly Readonly<Record<string, unknown>>[] = [
  { rate500: 1 },
  { rate429: 1 },
  { outage: true },
  { acceptThenReset: 1 },
  { bounced: 1, delivered: 0, complained: 0.5, webhookDelayMs: 1, webhookCopies: 2 },
];
const esps = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'];

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
const answers: string[] = [];
const ask = async (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}) => {
  const response = await fetch(`${fleet.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${secrets.ADMIN_API_KEY}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  answers.push(await response.text());
  return response.status;
};
beforeAll(async () => {
  fleet = await startTestFleet({ env: { ...secrets, LOG_LEVEL: 'trace' } });
  client = clientOf({ ...fleet, adminKey: secrets.ADMIN_API_KEY });
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

const mail = (esp: string) => ({
  from: `${private_.name} <news@acme.example>`,
  subject: private_.subject,
  text: `${private_.body} {{ v }}`,
  html: `<p>${private_.body}</p>`,
  esps: [esp],
  headers: { 'X-Ref': private_.header },
  attachments: [
    { filename: private_.attachment, contentType: 'text/plain', content: Buffer.from('x').toString('base64') },
  ],
  recipients: [{ email: private_.address, name: private_.name, substitutions: { v: private_.variable } }],
});

describe('With canaries in every secret and every message', () => {
  test('mail goes out, fails in every way, comes back, and is refused', async () => {
    for (const esp of esps) {
      const { id } = await client.send(mail(esp));
      await client.done(id, 60_000);
    }
    for (const fault of faults) {
      for (const esp of esps) await client.control(esp, fault);
      for (const esp of esps) await client.send(mail(esp));
      // Each has met its fault at least once.
      await waitFor(
        async () => {
          const { data } = (await client.get('/v1/messages?limit=6')) as {
            data: { attempts: number; status: string }[];
          };
          return data.every(({ attempts, status }) => attempts > 1 || !['queued', 'sending'].includes(status));
        },
        { what: 'the faults being met', deadlineMs: 30_000 },
      );
    }
    // With no ESP left, records would wait on their topic.
    for (const esp of esps) await client.control(esp, { rate500: 0, rate429: 0, outage: false, acceptThenReset: 0 });
    await publishRecords(fleet, [
      `{"from":"${private_.foreign}","recipients":[{"email":"${private_.foreign}"`,
      JSON.stringify({ ...mail('sendgrid'), esps: ['nobody'], recipients: [{ email: private_.foreign }] }),
      JSON.stringify({
        ...mail('sendgrid'),
        text: `{% if ${private_.body}`,
        recipients: [{ email: private_.foreign }],
      }),
      JSON.stringify({ ...mail('sendgrid'), recipients: [{ email: `${private_.foreign}, and more` }] }),
    ]);
    const statuses = [
      await ask('POST', '/v1/emails', `{"from":"${private_.address}"`),
      await ask('POST', '/v1/emails', JSON.stringify({ ...mail('sendgrid'), subject: `a\r\n${private_.subject}` })),
      await ask(
        'POST',
        '/v1/emails',
        JSON.stringify({ ...mail('sendgrid'), recipients: [{ email: `${private_.body} no` }] }),
      ),
      await ask('POST', '/v1/emails', JSON.stringify({ ...mail('sendgrid'), text: `{% if ${private_.body}` })),
      await ask('POST', '/v1/emails', JSON.stringify(mail('sendgrid')), {
        authorization: `Bearer ${private_.guessedKey}`,
      }),
      await ask('POST', '/webhooks/sendgrid', JSON.stringify([{ email: private_.foreign, event: 'bounce' }])),
      await ask('POST', '/webhooks/postmark', '{}', {
        authorization: `Basic ${Buffer.from(`x:${private_.guessedKey}`).toString('base64')}`,
      }),
      await ask('GET', `/v1/messages/${private_.guessedKey}`),
      await ask('GET', `/v1/domains/${private_.guessedKey}..x`),
    ];
    expect(statuses.map((status) => Math.floor(status / 100))).toEqual(statuses.map(() => 4));
    await waitFor(async () => ((await client.get('/v1/dead-letters')) as { data: unknown[] }).data.length >= 4, {
      what: 'four dead letters',
      deadlineMs: 90_000,
    });
  }, 240_000);

  test('none of them stands in a log, a metric or an error answer', async () => {
    const log = readFileSync(join(fleet.environment['MAILFLEET_HOME'] ?? '', 'app.log'), 'utf8');
    expect(log.split('\n').length).toBeGreaterThan(100);
    const processes = [
      'ingress',
      'email-send',
      'delivery-events',
      'webhook-sendgrid',
      'scheduler',
      'dead-letters',
      'esp-weights',
    ];
    const metrics = await Promise.all(
      processes.map(async (name) => (await fetch(`${fleet.adminUrl(name)}/metrics`)).text()),
    );
    const places = { log, metrics: metrics.join('\n'), answers: answers.join('\n') };
    for (const [name, value] of Object.entries({ ...secrets, ...private_ })) {
      for (const [place, text] of Object.entries(places)) {
        const forms = [value, encodeURIComponent(value), Buffer.from(value).toString('base64').replace(/=+$/, '')];
        expect([name, place, forms.some((form) => text.includes(form))]).toEqual([name, place, false]);
      }
    }
  });

  test('nor is an error of an attempt or a reason of a dead letter one of the addresses', async () => {
    const requests = (await client.get('/v1/messages?limit=1000')) as { data: { id: string; reason: string | null }[] };
    for (const { id } of requests.data) {
      const { attempts, events, reason } = (await client.get(`/v1/messages/${id}`)) as Record<string, unknown>;
      expect(JSON.stringify([attempts, events, reason])).not.toContain(private_.address);
    }
    const { data } = (await client.get('/v1/dead-letters')) as { data: { reason: string }[] };
    for (const { reason } of data) expect(reason).not.toMatch(/canary/);
  });
});

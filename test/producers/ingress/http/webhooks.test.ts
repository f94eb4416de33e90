import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { webhookEsps } from '../../../../shared/contracts/topics.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { webhookAccounts } from '../../../../shared/esp/accounts.ts';
import { testIngress, type TestIngress } from './ingress.ts';

const sendgridKeys = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { privateKey, shown: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
};
const [first, second] = [sendgridKeys(), sendgridKeys()];
const folder = mkdtempSync(join(tmpdir(), 'mailfleet-webhooks-'));
const accountsFile = join(folder, 'accounts.json');
writeFileSync(
  accountsFile,
  JSON.stringify({
    accounts: [
      {
        name: 'sendgrid-eu',
        kind: 'sendgrid',
        settings: { SENDGRID_API_KEY: 'SG.eu', SENDGRID_WEBHOOK_PUBLIC_KEY: second.shown },
      },
      { name: 'sendgrid-mute', kind: 'sendgrid', settings: { SENDGRID_API_KEY: 'SG.mute' } },
      { name: 'relay-2', kind: 'smtp', settings: { SMTP_HOST: 'mail.acme.example' } },
    ],
  }),
);
const accounts = webhookAccounts(
  {
    SENDGRID_WEBHOOK_PUBLIC_KEY: first.shown,
    POSTMARK_WEBHOOK_USER: 'hook',
    POSTMARK_WEBHOOK_PASSWORD: 'secret',
    ESP_ACCOUNTS_FILE: accountsFile,
  },
  () => new Date(),
);
// Spaces and key order that no JSON library would write again.
const body = Buffer.from('[ {"event":"delivered",\n "sg_event_id": "1", "email":"änn@example.org"} ]');

const signed = (content: Buffer, movedSeconds = 0, { privateKey } = first): Record<string, string> => {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  return {
    'content-type': 'application/json',
    'x-twilio-email-event-webhook-signature': sign(
      'sha256',
      Buffer.concat([Buffer.from(timestamp), content]),
      privateKey,
    ).toString('base64'),
    'x-twilio-email-event-webhook-timestamp': String(Number(timestamp) + movedSeconds),
  };
};

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ webhookAccounts: accounts });
});
afterAll(async () => {
  await ingress.app.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  ingress.clear();
});
const post = (url: string, payload: Buffer, headers: Readonly<Record<string, string>>) =>
  ingress.app.inject({ method: 'POST', url, payload, headers });

describe('POST /webhooks/:esp', () => {
  it('answers 200 once the topic has exactly the bytes that came', async () => {
    const answer = await post('/webhooks/sendgrid', body, signed(body));
    expect(answer.statusCode).toBe(200);
    expect(ingress.published.map(({ topic }) => topic)).toEqual(['webhook-sendgrid']);
    expect(Buffer.from(ingress.published[0]?.value ?? '').equals(body)).toBe(true);
    expect(ingress.published[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-esp-name': 'sendgrid',
    });
  });

  it('takes the body under its other path, and whatever media type is claimed', async () => {
    for (const contentType of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1']) {
      const answer = await post('/webhook-events/sendgrid', body, { ...signed(body), 'content-type': contentType });
      expect(answer.statusCode).toBe(200);
    }
    for (const { value } of ingress.published) expect(Buffer.from(value).equals(body)).toBe(true);
    expect(ingress.published).toHaveLength(3);
  });

  it('gives a repeated body the same key', async () => {
    await post('/webhooks/sendgrid', body, signed(body));
    await post('/webhooks/sendgrid', body, signed(body));
    expect(ingress.published[0]?.key).toBe(ingress.published[1]?.key);
  });

  it.each<[string, () => Record<string, string>, Buffer]>([
    ['unsigned', () => ({ 'content-type': 'application/json' }), body],
    ['changed by one byte', () => signed(body), Buffer.from(body.toString().replace('1', '2'))],
    ['written again', () => signed(body), Buffer.from(JSON.stringify(JSON.parse(body.toString())))],
    ['with its time moved', () => signed(body, 1), body],
    ['empty', () => signed(body), Buffer.alloc(0)],
    ['with half a signature', () => ({ ...signed(body), 'x-twilio-email-event-webhook-signature': 'AAAA' }), body],
  ])('answers 401 to one that is %s, never 403, and publishes nothing', async (_, headers, payload) => {
    const answer = await post('/webhooks/sendgrid', payload, headers());
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(ingress.published).toEqual([]);
  });

  it('checks the password of those that sign nothing', async () => {
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    expect((await post('/webhooks/postmark', body, basic('hook:secret'))).statusCode).toBe(200);
    expect((await post('/webhooks/postmark', body, basic('hook:Secret'))).statusCode).toBe(401);
    expect((await post('/webhooks/postmark', body, {})).statusCode).toBe(401);
    expect(ingress.published).toHaveLength(1);
  });

  it('believes nothing of an ESP without a credential', async () => {
    const without = webhookEsps.filter((esp) => accounts.get(esp)?.verify === undefined);
    expect(without.length).toBeGreaterThan(0);
    for (const esp of without) expect((await post(`/webhooks/${esp}`, body, {})).statusCode).toBe(401);
    expect(ingress.published).toEqual([]);
  });

  it('knows no other ESP', async () => {
    for (const name of ['nobody', '__proto__', 'constructor', 'relay-2', 'smtp'])
      expect((await post(`/webhooks/${name}`, body, {})).statusCode).toBe(404);
  });

  it('answers 413 above 10 MiB', async () => {
    const huge = Buffer.alloc(10_485_761, 0x20);
    expect((await post('/webhooks/sendgrid', huge, signed(huge))).statusCode).toBe(413);
  });

  it('answers 503 when Kafka does not take it, so that the ESP sends it again', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    const answer = await post('/webhooks/sendgrid', body, signed(body));
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    ingress.failWith(undefined);
    expect((await post('/webhooks/sendgrid', body, signed(body))).statusCode).toBe(200);
  });
});

describe('The webhooks of several accounts of one kind', () => {
  it('come under the name of each, to the topic of the kind, and say whose they are', async () => {
    for (const url of ['/webhooks/sendgrid-eu', '/webhook-events/sendgrid-eu']) {
      expect((await post(url, body, signed(body, 0, second))).statusCode).toBe(200);
    }
    expect((await post('/webhooks/sendgrid', body, signed(body))).statusCode).toBe(200);
    expect(ingress.published.map(({ topic, headers }) => [topic, headers?.['x-esp-name']])).toEqual([
      ['webhook-sendgrid', 'sendgrid-eu'],
      ['webhook-sendgrid', 'sendgrid-eu'],
      ['webhook-sendgrid', 'sendgrid'],
    ]);
  });

  it.each([
    ['the second with the key of the first', 'sendgrid-eu', first],
    ['the first with the key of the second', 'sendgrid', second],
    ['one without a credential with the key of the first', 'sendgrid-mute', first],
  ])('are refused when signed as %s, and nothing is published', async (_, name, keys) => {
    expect((await post(`/webhooks/${name}`, body, signed(body, 0, keys))).statusCode).toBe(401);
    expect(ingress.published).toEqual([]);
  });

  it('do not take an account’s name from the request', async () => {
    await post('/webhooks/sendgrid', body, { ...signed(body), 'x-esp-name': 'sendgrid-eu' });
    expect(ingress.published.map(({ headers }) => headers?.['x-esp-name'])).toEqual(['sendgrid']);
  });
});

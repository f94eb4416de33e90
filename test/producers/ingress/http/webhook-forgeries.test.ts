import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { webhookAccounts } from '../../../../shared/esp/accounts.ts';
import { selfSignedCertificate } from '../../../../simulator/self-signed.ts';
import { testIngress, type TestIngress } from './ingress.ts';

// Whatever proves a webhook, with any one byte of the proof changed, is answered 401 and goes nowhere.

const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const topicArn = 'arn:aws:sns:eu-west-1:123456789012:mail';
const folder = mkdtempSync(join(tmpdir(), 'mailfleet-forgeries-'));
const certificateFile = join(folder, 'sns.pem');
writeFileSync(certificateFile, selfSignedCertificate(rsaKey, ['sns.eu-west-1.amazonaws.com']));

let ingress: TestIngress;
beforeAll(async () => {
  const settings = {
    SENDGRID_WEBHOOK_PUBLIC_KEY: ec.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    POSTMARK_WEBHOOK_USER: 'hook',
    POSTMARK_WEBHOOK_PASSWORD: 'secret',
    SPARKPOST_WEBHOOK_USER: 'hook',
    SPARKPOST_WEBHOOK_PASSWORD: 'other secret',
    SOCKETLABS_WEBHOOK_SECRET: 'K3x9Zp',
    SES_TOPIC_ARN: topicArn,
    SES_SNS_CERT_FILE: certificateFile,
  };
  ingress = await testIngress({ webhookAccounts: webhookAccounts(settings, () => new Date()) });
});
afterAll(async () => {
  await ingress.app.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  ingress.clear();
});

interface Webhook {
  readonly esp: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}
const statusOf = async ({ esp, body, headers = {} }: Webhook): Promise<number> => {
  const payload = Buffer.from(body, 'latin1');
  return (await ingress.app.inject({ method: 'POST', url: `/webhooks/${esp}`, payload, headers })).statusCode;
};

/** The text with each of its bytes changed, one at a time, to what may stand in a header. */
const changed = (text: string): string[] =>
  Array.from({ length: text.length }, (_, index) => index).flatMap((index) => {
    const letter = text.charAt(index);
    const put = (other: string): string => text.slice(0, index) + other + text.slice(index + 1);
    return [put(String.fromCharCode(letter.charCodeAt(0) ^ 1)), put(letter === '*' ? '-' : '*')];
  });
const sendgrid = (): Webhook & { readonly headers: Readonly<Record<string, string>> } => {
  const body = '[{"event":"delivered","email":"ann@example.org"}]\r\n';
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = sign('sha256', Buffer.from(timestamp + body), ec.privateKey).toString('base64');
  return {
    esp: 'sendgrid',
    body,
    headers: {
      'x-twilio-email-event-webhook-signature': signature,
      'x-twilio-email-event-webhook-timestamp': timestamp,
    },
  };
};
const basic = (
  esp: string,
  credentials: string,
): Webhook & { readonly headers: { readonly authorization: string } } => ({
  esp,
  body: '{}',
  headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
});
const envelope = (change: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => {
  const facts: Readonly<Record<string, string>> = {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: topicArn,
    Message: '{"eventType":"Open"}',
    Timestamp: '2026-11-01T10:00:00.000Z',
    SignatureVersion: '2',
    SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem',
    ...change,
  };
  const names =
    facts['Type'] === 'Notification'
      ? ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const words = names.map((name) => `${name}\n${facts[name] ?? ''}\n`).join('');
  return { ...facts, Signature: sign('RSA-SHA256', Buffer.from(words), createPrivateKey(rsaKey)).toString('base64') };
};
const ses = (facts: Readonly<Record<string, string>>): Webhook => ({ esp: 'ses', body: JSON.stringify(facts) });
const socketlabs = (secret: unknown): Webhook => ({
  esp: 'socketlabs',
  body: JSON.stringify({ Type: 'Delivered', SecretKey: secret, Address: 'ann@example.org' }),
});

const allRefused = async (forgeries: readonly Webhook[]): Promise<void> => {
  expect(forgeries.length).toBeGreaterThan(0);
  for (const forgery of forgeries) expect([forgery, await statusOf(forgery)]).toEqual([forgery, 401]);
  expect(ingress.published).toEqual([]);
};

describe('A forged webhook', () => {
  it('is not what the genuine ones are', async () => {
    const genuine = [
      sendgrid(),
      basic('postmark', 'hook:secret'),
      basic('sparkpost', 'hook:other secret'),
      socketlabs('K3x9Zp'),
      ses(envelope()),
    ];
    for (const webhook of genuine) expect([webhook.esp, await statusOf(webhook)]).toEqual([webhook.esp, 200]);
    expect(ingress.published).toHaveLength(5);
  });

  it('of SendGrid: a byte of body, signature or timestamp', async () => {
    const webhook = sendgrid();
    await allRefused([
      ...changed(webhook.body).map((body) => ({ ...webhook, body })),
      ...Object.entries(webhook.headers).flatMap(([name, value]) =>
        changed(value).map((text) => ({ ...webhook, headers: { ...webhook.headers, [name]: text } })),
      ),
    ]);
  });

  it.each([
    ['postmark', 'hook:secret'],
    ['sparkpost', 'hook:other secret'],
  ])('of %s: a byte of the credentials, or those of another ESP', async (esp, credentials) => {
    const { headers } = basic(esp, credentials);
    const [scheme = '', given = ''] = headers.authorization.split(' ');
    await allRefused([
      ...changed(given).map((text) => ({ esp, body: '{}', headers: { authorization: `${scheme} ${text}` } })),
      basic(esp, esp === 'postmark' ? 'hook:other secret' : 'hook:secret'),
      { esp, body: '{}', headers: { authorization: given } },
      { esp, body: '[{"msys":{}}]' },
    ]);
  });

  it('of SocketLabs: a byte of the secret, or none, also in a handshake', async () => {
    await allRefused([
      ...changed('K3x9Zp').map(socketlabs),
      ...[undefined, null, '', 7, ['K3x9Zp'], { toString: 'K3x9Zp' }, 'K3x9Zp '].map(socketlabs),
      { esp: 'socketlabs', body: '{"Type":"Validation","SecretKey":"k3x9zp"}' },
      { esp: 'socketlabs', body: 'Type=Validation&SecretKey=K3x9Zq' },
    ]);
  });

  it('of SES: a byte of what is signed, of the signature or of the topic', async () => {
    const facts = envelope();
    const signed = ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type', 'Signature', 'SignatureVersion'];
    await allRefused(
      signed.flatMap((name) => changed(facts[name] ?? '').map((text) => ses({ ...facts, [name]: text }))),
    );
  });

  it('of SES, though signed with the right key: a foreign topic, host or confirmation', async () => {
    const confirm = { Type: 'SubscriptionConfirmation', Token: 't' };
    await allRefused([
      ses(envelope({ TopicArn: 'arn:aws:sns:eu-west-1:999999999999:mail' })),
      ...[
        'https://sns.evil/x.pem',
        'http://sns.eu-west-1.amazonaws.com/x.pem',
        'https://a:b@sns.eu-west-1.amazonaws.com/x.pem',
        'https://s3.amazonaws.com/sns.eu-west-1.amazonaws.com/x.pem',
        'https://sns.s3-us-west-2.amazonaws.com/x.pem',
      ].map((SigningCertURL) => ses(envelope({ SigningCertURL }))),
      ses(envelope({ ...confirm, SubscribeURL: 'http://169.254.169.254/latest/meta-data/' })),
      ses(envelope({ ...confirm, SubscribeURL: 'https://169.254.169.254/' })),
    ]);
  });

  it('is not the end of a subscription, which is taken note of and not published', async () => {
    const facts = envelope({
      Type: 'UnsubscribeConfirmation',
      Token: 't',
      SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t',
    });
    expect(await statusOf(ses(facts))).toBe(200);
    expect(ingress.published).toEqual([]);
  });
});

import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError, InfrastructureError } from '../../../shared/errors.ts';
import { sesVerifier, verifySnsMessage, type FetchText } from '../../../shared/esp/ses/sns.ts';
import { selfSignedCertificate } from '../../../simulator/self-signed.ts';

const newKey = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const ourKey = newKey();
const certificate = selfSignedCertificate(ourKey, ['sns.eu-west-1.amazonaws.com']);
const topic = 'arn:aws:sns:eu-west-1:123456789012:mail';
const certificateUrl = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem';
const subscribeUrl = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t';

type Envelope = Readonly<Record<string, string | undefined>>;

const noticeOrder = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
const confirmOrder = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];

/** A message as SNS makes it: signed over what it says, unless a signature is given. */
const message = (change: Envelope = {}, key = ourKey) => {
  const facts: Envelope = {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: topic,
    Message: '{"eventType":"Open"}',
    Timestamp: '2026-11-01T10:00:00.000Z',
    SignatureVersion: '1',
    SigningCertURL: certificateUrl,
    ...change,
  };
  const words = (facts['Type'] === 'Notification' ? noticeOrder : confirmOrder)
    .filter((name) => facts[name] !== undefined)
    .map((name) => `${name}\n${facts[name] ?? ''}\n`)
    .join('');
  const algorithm = facts['SignatureVersion'] === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
  const signature = sign(algorithm, Buffer.from(words), createPrivateKey(key)).toString('base64');
  return { rawBody: Buffer.from(JSON.stringify({ Signature: signature, ...facts })), headers: {} };
};
const confirmation = (change: Envelope = {}, key = ourKey) =>
  message({ Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL: subscribeUrl, ...change }, key);

/** A small web that remembers what was asked of it. */
const web = (pages: Readonly<Record<string, { readonly status: number; readonly text: string } | 'down'>>) => {
  const asked: string[] = [];
  const fetchText: FetchText = (url) => {
    asked.push(url);
    const page = pages[url] ?? { status: 404, text: '' };
    return page === 'down' ? Promise.reject(new Error('ETIMEDOUT')) : Promise.resolve(page);
  };
  return { asked, fetchText };
};
const amazon = { [certificateUrl]: { status: 200, text: certificate }, [subscribeUrl]: { status: 200, text: '<ok/>' } };

describe('A message of SNS', () => {
  it.each(['1', '2'])(
    'is believed with a signature of version %s, whose certificate is fetched once',
    async (version) => {
      const { asked, fetchText } = web(amazon);
      const verify = verifySnsMessage({ topicArns: ['arn:other', topic], fetchText });
      expect(await verify(message({ SignatureVersion: version }))).toBe(true);
      expect(await verify(message({ SignatureVersion: version, Subject: 'Amazon SES' }))).toBe(true);
      expect(asked).toEqual([certificateUrl]);
    },
  );

  it('is refused when any byte of what is signed is another', async () => {
    const verify = verifySnsMessage({ topicArns: [topic], certificate });
    const { rawBody } = message({ SignatureVersion: '2' });
    const parsed = JSON.parse(rawBody.toString('utf8')) as Record<string, string>;
    for (const name of ['Message', 'MessageId', 'Timestamp', 'Signature']) {
      const value = parsed[name] ?? '';
      const flipped = (value.startsWith('A') ? 'B' : 'A') + value.slice(1);
      const forged = Buffer.from(JSON.stringify({ ...parsed, [name]: flipped }));
      expect(await verify({ rawBody: forged, headers: {} })).toBe(false);
    }
    const withSubject = Buffer.from(JSON.stringify({ ...parsed, Subject: 'added' }));
    expect(await verify({ rawBody: withSubject, headers: {} })).toBe(false);
    expect(await verify({ rawBody, headers: {} })).toBe(true);
  });

  it.each<[string, ReturnType<typeof message>]>([
    ['a foreign topic', message({ TopicArn: 'arn:aws:sns:eu-west-1:999999999999:mail' })],
    ['no topic', message({ TopicArn: undefined })],
    ['an unknown type', message({ Type: 'Surprise' })],
    ['a type of the language', message({ Type: 'constructor' })],
    ['an unknown version', message({ SignatureVersion: '3' })],
    ['a foreign host', message({ SigningCertURL: 'https://sns.evil/x.pem' })],
    ['a look-alike', message({ SigningCertURL: 'https://sns.eu-west-1.amazonaws.com.evil.example/x.pem' })],
    ['a bucket', message({ SigningCertURL: 'https://s3.amazonaws.com/sns.eu-west-1.amazonaws.com/x.pem' })],
    ['a bucket of that name', message({ SigningCertURL: 'https://sns.s3.eu-west-1.amazonaws.com/x.pem' })],
    [
      'a bucket of that name as it used to be',
      message({ SigningCertURL: 'https://sns.s3-us-west-2.amazonaws.com/x.pem' }),
    ],
    ['no TLS', message({ SigningCertURL: certificateUrl.replace('https', 'http') })],
    [
      'a user',
      message({ SigningCertURL: certificateUrl.replace('//', '//sns.eu-west-1.amazonaws.com@evil.example/') }),
    ],
    ['a password', message({ SigningCertURL: certificateUrl.replace('//', '//a:b@') })],
    ['another port', message({ SigningCertURL: certificateUrl.replace('.com', '.com:8443') })],
    ['no certificate', message({ SigningCertURL: certificateUrl.replace('.pem', '.txt') })],
    ['no address', message({ SigningCertURL: 'x' })],
    ['a confirmation elsewhere', confirmation({ SubscribeURL: 'http://169.254.169.254/latest/meta-data' })],
    ['a confirmation at a look-alike', confirmation({ SubscribeURL: 'https://sns.evil/?Action=ConfirmSubscription' })],
    ['no JSON', { rawBody: Buffer.from('nope'), headers: {} }],
    ['no object', { rawBody: Buffer.from('[]'), headers: {} }],
  ])('is refused with %s, and nothing is fetched', async (_what, request) => {
    const { asked, fetchText } = web(amazon);
    expect(await verifySnsMessage({ topicArns: [topic], fetchText })(request)).toBe(false);
    expect(asked).toEqual([]);
  });

  it('is refused when its certificate is none, or of another key, or not there', async () => {
    const verifyWith = (page: { status: number; text: string }) =>
      verifySnsMessage({ topicArns: [topic], fetchText: web({ [certificateUrl]: page }).fetchText })(message());
    expect(await verifyWith({ status: 200, text: 'no certificate' })).toBe(false);
    expect(await verifyWith({ status: 404, text: '' })).toBe(false);
    expect(await verifyWith({ status: 200, text: selfSignedCertificate(newKey(), ['x.example']) })).toBe(false);
  });

  it('cannot be told while the certificate cannot be fetched, and is believed afterwards', async () => {
    const pages: Record<string, { status: number; text: string } | 'down'> = { [certificateUrl]: 'down' };
    const verify = verifySnsMessage({ topicArns: [topic], fetchText: web(pages).fetchText });
    await expect(verify(message())).rejects.toThrow(InfrastructureError);
    pages[certificateUrl] = { status: 503, text: '' };
    await expect(verify(message())).rejects.toThrow(InfrastructureError);
    pages[certificateUrl] = { status: 200, text: certificate };
    expect(await verify(message())).toBe(true);
  });

  it('asks for a subscription, which is confirmed once it is known to be genuine', async () => {
    const { asked, fetchText } = web(amazon);
    const verify = verifySnsMessage({ topicArns: [topic], fetchText });
    expect(await verify(confirmation({}, newKey()))).toBe(false);
    expect(asked).toEqual([certificateUrl]);
    expect(await verify(confirmation())).toEqual({ answer: 'confirmed' });
    expect(asked).toEqual([certificateUrl, subscribeUrl]);
  });

  it('asks again for a subscription that could not be confirmed', async () => {
    const { fetchText } = web({ ...amazon, [subscribeUrl]: 'down' });
    await expect(verifySnsMessage({ topicArns: [topic], fetchText })(confirmation())).rejects.toThrow(
      InfrastructureError,
    );
  });

  it('tells of the end of a subscription, which is never undone', async () => {
    const { asked, fetchText } = web(amazon);
    const verify = verifySnsMessage({ topicArns: [topic], fetchText });
    expect(await verify(confirmation({ Type: 'UnsubscribeConfirmation' }))).toEqual({ answer: 'noted' });
    expect(asked).toEqual([certificateUrl]);
  });
});

describe("The check of SES's webhooks", () => {
  const folder = mkdtempSync(join(tmpdir(), 'mailfleet-sns-'));
  const certificateFile = join(folder, 'certificate.pem');
  writeFileSync(certificateFile, certificate);
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('takes a certificate from a file, and topics by comma', async () => {
    const verify = sesVerifier({ topicArns: `arn:other , ${topic}`, certificateFile });
    expect(await verify?.(message())).toBe(true);
    // The address is not asked, but must still be Amazon's.
    expect(await verify?.(message({ SigningCertURL: 'https://sns.evil/x.pem' }))).toBe(false);
  });

  it('is not there without topics', () => {
    for (const topicArns of [undefined, '', ' , ']) expect(sesVerifier({ topicArns, certificateFile })).toBeUndefined();
  });

  it('takes no certificate file in production, and none that is not there or holds none', () => {
    expect(() => sesVerifier({ certificateFile, nodeEnv: 'production' })).toThrow(ConfigError);
    expect(() => sesVerifier({ topicArns: topic, certificateFile: join(folder, 'none.pem') })).toThrow(ConfigError);
    const empty = join(folder, 'empty.pem');
    writeFileSync(empty, 'nothing');
    expect(() => sesVerifier({ topicArns: topic, certificateFile: empty })).toThrow(ConfigError);
  });
});

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { selfSignedCertificate } from '../../simulator/self-signed.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import type { SmtpStation } from '../../simulator/smtp.ts';

export const testCredentials = {
  apiKey: 'SG.test-key',
  serverToken: 'test-token',
  webhookUser: 'hook',
  webhookPassword: 'höok:password',
  sparkpostKey: 'sparkpost-test-key',
  socketlabsServerId: '10001',
  socketlabsKey: `${'k'.repeat(20)}.${'s'.repeat(40)}`,
  socketlabsSecret: 'söcketlabs-secret',
  sesAccessKeyId: 'AKIATEST',
  sesTopicArn: 'arn:aws:sns:eu-west-1:123456789012:mail',
  smtpUser: 'mail@acme.example',
  smtpPass: 'pässword',
} as const;

interface ReceivedPost {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rawBody: Buffer;
}

interface AcceptedLine {
  readonly [name: string]: unknown;
  readonly email: string;
  readonly html: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly providerMessageId: string;
}

export interface TestSimulator {
  readonly address: string;
  readonly publicKey: string;
  /** PEM of the certificate whose key signs the SNS messages. */
  readonly snsCertificate: string;
  /** The relay, with ports of its own. */
  readonly smtp: SmtpStation;
  /** Webhooks received so far from one ESP. */
  posts(kind: string): readonly ReceivedPost[];
  /** How the receiver answers from now on: a status, or `drop` to break the connection. */
  answerWith(answer: number | 'drop'): void;
  accepted(): Promise<readonly AcceptedLine[]>;
  emitted(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  control(kind: string, settings: Readonly<Record<string, unknown>>): Promise<void>;
  /** Waits until the condition gives a value; fails after ten seconds. */
  until<T>(condition: () => T | undefined | Promise<T | undefined>): Promise<T>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

const lines = async <T>(url: string): Promise<readonly T[]> => {
  const text = await (await fetch(url)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
};

// Made once a test file: an RSA key takes its time.
const snsKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const snsCertificate = selfSignedCertificate(snsKey, ['sns.eu-west-1.amazonaws.com']);

/** A simulator on a free port with a receiver for its webhooks; no latency, and no webhooks unless asked for. */
export const startSimulator = async (seed = 1): Promise<TestSimulator> => {
  let posts: ReceivedPost[] = [];
  let answer: number | 'drop' = 200;
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      posts.push({ path: request.url ?? '', headers: request.headers, rawBody: Buffer.concat(chunks) });
      if (answer === 'drop') request.socket.destroy();
      else response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const { apiKey, serverToken, webhookUser, webhookPassword, sparkpostKey } = testCredentials;
  const simulator = createSimulator({
    webhookUrl: `http://127.0.0.1:${port}/webhooks`,
    seed,
    sendgrid: { apiKey, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
    postmark: { serverToken, webhookUser, webhookPassword },
    sparkpost: { apiKey: sparkpostKey, webhookUser, webhookPassword },
    socketlabs: {
      serverId: testCredentials.socketlabsServerId,
      apiKey: testCredentials.socketlabsKey,
      webhookSecret: testCredentials.socketlabsSecret,
    },
    ses: { accessKeyId: testCredentials.sesAccessKeyId, topicArn: testCredentials.sesTopicArn, privateKey: snsKey },
    smtp: { port: 'any', securePort: 'any', user: testCredentials.smtpUser, pass: testCredentials.smtpPass },
  });
  const address = await simulator.listen('127.0.0.1', 0);
  const control: TestSimulator['control'] = async (kind, settings) => {
    const response = await fetch(`${address}/control/${kind}`, { method: 'PUT', body: JSON.stringify(settings) });
    if (response.status !== 200) throw new Error(await response.text());
  };
  const quiet = async (): Promise<void> => {
    for (const kind of ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'])
      await control(kind, { latencyMs: 0, jitterMs: 0, delivered: 0, bounced: 0 });
  };
  await quiet();
  return {
    address,
    smtp: simulator.smtp,
    snsCertificate,
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    posts: (kind) => posts.filter(({ path }) => path === `/webhooks/${kind}`),
    answerWith: (given) => {
      answer = given;
    },
    accepted: () => lines<AcceptedLine>(`${address}/accepted`),
    emitted: () => lines(`${address}/emitted`),
    control,
    until: async (condition) => {
      const deadline = Date.now() + 10_000;
      while (Date.now() < deadline) {
        const value = await condition();
        if (value !== undefined) return value;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error('the condition did not come true in time');
    },
    reset: async () => {
      await fetch(`${address}/reset`, { method: 'POST' });
      await quiet();
      posts = [];
      answer = 200;
    },
    close: async () => {
      await simulator.close();
      receiver.closeAllConnections();
      receiver.close();
    },
  };
};

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startSimulator, testCredentials, type TestSimulator } from './start-simulator.ts';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

type Fields = Readonly<Record<string, unknown>>;

const post = async (body: unknown, authorization?: string) => {
  const response = await fetch(`${simulator.address}/socketlabs/api/v1/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Fields };
};
const bearer = `Bearer ${testCredentials.socketlabsKey}`;
const serverId = Number(testCredentials.socketlabsServerId);
const send = (...messages: readonly unknown[]) => post({ serverId, messages }, bearer);
const message = (change: Fields = {}): Fields => ({
  to: [{ emailAddress: 'a@example.org' }],
  from: { emailAddress: 'news@acme.example' },
  subject: 'Hi',
  textBody: 'Hi',
  messageId: 'm-1',
  ...change,
});
const row = (email: string, more: Fields = {}) =>
  Object.entries({ DeliveryAddress: email, ...more }).map(([field, value]) => ({ field, value }));
const bulk = (rows: readonly unknown[], change: Fields = {}) =>
  message({ to: [{ emailAddress: '%%DeliveryAddress%%' }], mergeData: { PerMessage: rows }, ...change });

describe('The simulated SocketLabs', () => {
  it('takes a message without giving it an id', async () => {
    const answer = await send(message());
    expect(answer).toEqual({
      status: 200,
      body: { ErrorCode: 'Success', TransactionReceipt: null, MessageResults: [] },
    });
    expect(await simulator.accepted()).toMatchObject([{ providerMessageId: 'm-1', email: 'a@example.org' }]);
  });

  it('merges each row, and leaves fields that it lacks', async () => {
    await send(bulk([row('a@example.org', { n: '1' }), row('b@example.org')], { textBody: 'n=%%n%%' }));
    expect((await simulator.accepted()).map(({ email, text }) => [email, text])).toEqual([
      ['a@example.org', 'n=1'],
      ['b@example.org', 'n=%%n%%'],
    ]);
  });

  it('names the addresses that it leaves out, with HTTP 200', async () => {
    expect(await send(bulk([row('a@example.org'), row('nobody')]))).toMatchObject({
      status: 200,
      body: {
        ErrorCode: 'Warning',
        MessageResults: [
          { Index: 0, AddressResults: [{ EmailAddress: 'nobody', Accepted: false, ErrorCode: 'InvalidAddress' }] },
        ],
      },
    });
    expect(await simulator.accepted()).toHaveLength(1);
  });

  it.each<[string, Fields, string]>([
    ['no sender', message({ from: undefined }), 'InvalidFromAddress'],
    ['no subject', message({ subject: '' }), 'EmptySubject'],
    ['no body', message({ textBody: '' }), 'NoValidBodyParts'],
    ['no address', message({ to: [] }), 'EmptyToAddress'],
    ['a row without an address', bulk([[{ field: 'n', value: '1' }]]), 'InvalidMergeData'],
    ['rows with copies', bulk([row('a@example.org')], { cc: [{ emailAddress: 'c@example.org' }] }), 'InvalidMergeData'],
    ['51 rows', bulk(Array.from({ length: 51 }, (_, index) => row(`p${index}@example.org`))), 'TooManyRecipients'],
    ['too much of its own data', message({ metadata: [{ key: 'k', value: 'x'.repeat(12_500) }] }), 'InvalidData'],
    ['an attachment that is none', message({ attachments: [{ name: 'a' }] }), 'InvalidAttachment'],
  ])('refuses %s with HTTP 200 and a code', async (_what, given, code) => {
    expect(await send(given)).toMatchObject({ status: 200, body: { MessageResults: [{ Index: 0, ErrorCode: code }] } });
    expect(await simulator.accepted()).toEqual([]);
  });

  it('refuses calls as a whole: no JSON, no messages, too many, nobody to send to', async () => {
    expect(await post('{', bearer)).toMatchObject({ status: 400, body: { ErrorCode: 'InvalidData' } });
    expect(await send()).toMatchObject({ status: 200, body: { ErrorCode: 'NoMessages' } });
    const many = Array.from({ length: 11 }, () => message());
    expect(await send(...many)).toMatchObject({ status: 200, body: { ErrorCode: 'TooManyMessages' } });
    const nobody = message({ to: [{ emailAddress: 'nobody' }] });
    expect(await send(nobody)).toMatchObject({ status: 200, body: { ErrorCode: 'NoValidRecipients' } });
  });

  it('wants its server and its key, in the header or in the body', async () => {
    const messages = [message()];
    const inBody = { serverId, apiKey: testCredentials.socketlabsKey, messages };
    expect((await post(inBody)).body['ErrorCode']).toBe('Success');
    for (const call of [
      post({ serverId, messages }),
      post({ serverId, messages }, 'Bearer other'),
      post({ serverId: 7, messages }, bearer),
      post({ messages }, bearer),
    ]) {
      expect(await call).toMatchObject({ status: 401, body: { ErrorCode: 'InvalidAuthentication' } });
    }
  });

  it('tells one event a post, with its secret key, and brings back no field of a row', async () => {
    await simulator.control('socketlabs', { delivered: 1, opened: 0, clicked: 0, complained: 0, webhookDelayMs: 1 });
    await send(bulk([row('a@example.org', { mf_message_id: 'ours' }), row('b@example.org')]));
    await simulator.until(() => (simulator.posts('socketlabs').length === 2 ? true : undefined));
    for (const { rawBody } of simulator.posts('socketlabs')) {
      expect(JSON.parse(rawBody.toString('utf8'))).toMatchObject({
        Type: 'Delivered',
        SecretKey: testCredentials.socketlabsSecret,
        MessageId: 'm-1',
        Data: { Meta: [], Tags: [] },
      });
    }
  });
});

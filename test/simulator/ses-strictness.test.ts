import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { verifySnsMessage } from '../../shared/esp/ses/sns.ts';
import { startSimulator, testCredentials, type TestSimulator } from './start-simulator.ts';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

type Fields = Readonly<Record<string, unknown>>;

const signedBy = (key: string): string =>
  `AWS4-HMAC-SHA256 Credential=${key}/20261101/eu-west-1/ses/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;

const post = async (path: string, body: unknown, authorization: string | undefined = signedBy('AKIATEST')) => {
  const response = await fetch(`${simulator.address}/ses/v2/email/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === '' ? {} : { authorization }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as Fields;
  return { status: response.status, name: response.headers.get('x-amzn-errortype'), answer };
};

const entry = (change: Fields = {}): Fields => ({
  Destination: { ToAddresses: ['a@example.org'] },
  ReplacementTags: [{ Name: 'mf_message_id', Value: 'm-1' }],
  ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: '{"name":"Ann"}' } },
  ...change,
});
const template = (change: Fields = {}, more: Fields = {}): Fields => ({
  Template: { TemplateContent: { Subject: 'Hi', Text: 'Hi {{name}}', ...change }, TemplateData: '{}', ...more },
});
const bulk = (change: Fields = {}): Fields => ({
  FromEmailAddress: 'news@acme.example',
  DefaultContent: template(),
  BulkEmailEntries: [entry()],
  ...change,
});
const single = (change: Fields = {}): Fields => ({
  FromEmailAddress: '"News" <news@acme.example>',
  Destination: { ToAddresses: ['a@example.org'] },
  Content: { Simple: { Subject: { Data: 'Hi' }, Body: { Text: { Data: '{{as it is}}' } } } },
  ...change,
});
const sendBulk = (body: unknown, authorization?: string) => post('outbound-bulk-emails', body, authorization);
const sendOne = (body: unknown) => post('outbound-emails', body);

describe('The simulated SES', () => {
  it('takes each entry with an id of its own, and a finished message with one', async () => {
    const both = await sendBulk(bulk({ BulkEmailEntries: [entry(), entry()] }));
    expect([both.status, both.name]).toEqual([200, null]);
    const results = both.answer['BulkEmailEntryResults'] as Fields[];
    expect(results.map(({ Status }) => Status)).toEqual(['SUCCESS', 'SUCCESS']);
    const one = await sendOne(single());
    const ids = [...results, one.answer].map(({ MessageId }) => MessageId);
    expect((await simulator.accepted()).map(({ providerMessageId }) => providerMessageId)).toEqual(ids);
    expect((await simulator.accepted()).map(({ text }) => text)).toEqual(['Hi Ann', 'Hi Ann', '{{as it is}}']);
  });

  it('refuses an entry alone', async () => {
    const bad = [
      entry({ Destination: { ToAddresses: ['nobody'] } }),
      entry({ Destination: { ToAddresses: Array.from({ length: 51 }, (_, index) => `p${index}@example.org`) } }),
      entry({ Destination: { ToAddresses: ['Jürgen <a@example.org>'] } }),
      entry({ ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: '{}' } } }),
      entry({ ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: 'x' } } }),
    ];
    const { status, answer } = await sendBulk(bulk({ BulkEmailEntries: [...bad, entry()] }));
    expect(status).toBe(200);
    const statuses = (answer['BulkEmailEntryResults'] as Fields[]).map(({ Status }) => Status);
    expect(statuses).toEqual([...bad.map(() => 'INVALID_PARAMETER'), 'SUCCESS']);
    expect(await simulator.accepted()).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['no entry', bulk({ BulkEmailEntries: [] })],
    ['51 entries', bulk({ BulkEmailEntries: Array.from({ length: 51 }, () => entry()) })],
    ['a tag with a dot', bulk({ BulkEmailEntries: [entry({ ReplacementTags: [{ Name: 'a', Value: 'x.1' }] })] })],
    ['an address as a tag', bulk({ DefaultEmailTags: [{ Name: 'a', Value: 'a@example.org' }] })],
    ['a long tag', bulk({ DefaultEmailTags: [{ Name: 'a', Value: 'x'.repeat(257) }] })],
    ['no sender', bulk({ FromEmailAddress: undefined })],
    ['a sender that is not ASCII', bulk({ FromEmailAddress: 'Jürgen <news@acme.example>' })],
    ['no subject', bulk({ DefaultContent: template({ Subject: '' }) })],
    ['no body', bulk({ DefaultContent: template({ Text: '' }) })],
    ['logic in a template', bulk({ DefaultContent: template({ Text: '{{#if name}}x{{/if}}' }) })],
    ['braces that do not close', bulk({ DefaultContent: template({ Text: 'a {{ b' }) })],
    ['a template over 500 KB', bulk({ DefaultContent: template({ Text: 'x'.repeat(520_000) }) })],
    ['data that is no JSON', bulk({ DefaultContent: template({}, { TemplateData: 'x' }) })],
    ['a header that is not ASCII', bulk({ DefaultContent: template({}, { Headers: [{ Name: 'X-A', Value: 'ü' }] }) })],
    [
      'an attachment that is no base64',
      bulk({ DefaultContent: template({}, { Attachments: [{ FileName: 'a.txt', RawContent: '*' }] }) }),
    ],
    ['a program', bulk({ DefaultContent: template({}, { Attachments: [{ FileName: 'a.exe', RawContent: 'eA==' }] }) })],
  ])('refuses a call with %s, by name, and takes nothing', async (_what, body) => {
    const { status, name, answer } = await sendBulk(body);
    expect([status, name]).toEqual([400, 'BadRequestException']);
    expect(answer).toEqual({ message: expect.any(String) });
    expect(await simulator.accepted()).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'SerializationException'],
    ['no recipient', single({ Destination: {} }), 'BadRequestException'],
    ['a bad recipient', single({ Destination: { ToAddresses: ['nobody'] } }), 'BadRequestException'],
    ['a tag with a dot', single({ EmailTags: [{ Name: 'a', Value: '.' }] }), 'BadRequestException'],
    ['no content', single({ Content: {} }), 'BadRequestException'],
  ])('refuses a message with %s', async (_what, body, name) => {
    expect(await sendOne(body)).toMatchObject({ status: 400, name });
  });

  it('asks for a signature with its own key', async () => {
    expect(await sendBulk(bulk(), '')).toMatchObject({ status: 403, name: 'MissingAuthenticationTokenException' });
    expect(await sendBulk(bulk(), 'Bearer x')).toMatchObject({ status: 400, name: 'IncompleteSignature' });
    expect(await sendBulk(bulk(), signedBy('AKIAOTHER'))).toMatchObject({
      status: 403,
      name: 'UnrecognizedClientException',
    });
  });

  it.each([
    [{ outage: true }, 503, 'ServiceUnavailable'],
    [{ rate429: 1 }, 429, 'TooManyRequestsException'],
    [{ rate500: 1 }, 500, 'InternalServiceErrorException'],
  ])('names its faults: %j', async (settings, status, name) => {
    await simulator.control('ses', settings);
    expect(await sendBulk(bulk())).toMatchObject({ status, name });
  });

  const eager = { delivered: 1, bounced: 0, opened: 0, clicked: 0, complained: 0, webhookDelayMs: 1 };
  const settled = () =>
    simulator.until(async () => {
      const counts = (await (await fetch(`${simulator.address}/counts`)).json()) as Record<string, Fields>;
      return counts['ses']?.['pendingWebhooks'] === 0 ? true : undefined;
    });

  it('tells of copies in one record, in envelopes of both signature versions', async () => {
    await simulator.control('ses', eager);
    const withCopy = entry({ Destination: { ToAddresses: ['a@example.org'], CcAddresses: ['b@example.org'] } });
    await sendBulk(bulk({ BulkEmailEntries: Array.from({ length: 50 }, () => withCopy) }));
    await settled();
    const posts = simulator.posts('ses');
    const envelopes = posts.map(({ rawBody }) => JSON.parse(rawBody.toString('utf8')) as Record<string, string>);
    expect(new Set(envelopes.map(({ SignatureVersion }) => SignatureVersion))).toEqual(new Set(['1', '2']));
    const record = JSON.parse(envelopes[0]?.['Message'] ?? '') as Record<string, Fields>;
    expect(record['delivery']?.['recipients']).toEqual(['a@example.org', 'b@example.org']);
    expect(record['mail']?.['tags']).toMatchObject({ mf_message_id: ['m-1'] });
    const verify = verifySnsMessage({
      topicArns: [testCredentials.sesTopicArn],
      certificate: simulator.snsCertificate,
    });
    for (const given of posts) expect(await verify(given)).toBe(true);
  });

  it('sends an event again after 503, with the same id, and never after 401', async () => {
    await simulator.control('ses', eager);
    simulator.answerWith(503);
    await sendBulk(bulk());
    await simulator.until(() => (simulator.posts('ses').length >= 2 ? true : undefined));
    simulator.answerWith(401);
    await settled();
    const ids = simulator.posts('ses').map(({ headers }) => headers['x-amz-sns-message-id']);
    expect(new Set(ids).size).toBe(1);
  });
});

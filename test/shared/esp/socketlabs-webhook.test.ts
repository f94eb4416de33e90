import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { InvalidMessageError } from '../../../shared/errors.ts';
import { translateSocketlabsWebhook, verifySocketlabsWebhook } from '../../../shared/esp/socketlabs/webhook.ts';

type Fields = Readonly<Record<string, unknown>>;
const fixture = (name: string): Fields =>
  JSON.parse(readFileSync(new URL(`../../fixtures/socketlabs/${name}.json`, import.meta.url), 'utf8')) as Fields;
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const translate = (value: unknown) => translateSocketlabsWebhook(bytes(value));
const form = (value: Fields) =>
  new URLSearchParams(
    Object.entries(value).map(([key, entry]): [string, string] => [
      key,
      typeof entry === 'string' ? entry : JSON.stringify(entry),
    ]),
  ).toString();

const ours = {
  at: '2025-10-09T10:53:20.123Z',
  index: 0,
  recipient: 'ann@example.org',
  messageId: '01890a5d-0000-7000-8000-000000000001',
  attemptId: '01890a5d-0000-7000-8000-000000000001.1',
  providerMessageId: '0123456789abcdef0123456789abcdef',
};

describe("SocketLabs' events", () => {
  it.each([
    ['delivered', { type: 'delivered', reason: undefined }],
    ['deferred', { type: 'deferred', reason: '4001 421 try again later' }],
    ['failed', { type: 'bounced', bounceClass: 'hard', reason: '2001 No such user' }],
    ['complaint', { type: 'complained', reason: undefined }],
    ['tracking', { type: 'clicked', reason: undefined }],
  ])('come out as ours, as JSON, wrapped, in small letters or as a form: %s', (name, expected) => {
    const event = fixture(name);
    const small = Object.fromEntries(Object.entries(event).map(([key, value]) => [key.toLowerCase(), value]));
    const rfc1123 = { ...event, DateTime: 'Thu, 09 Oct 2025 10:53:20 GMT' };
    for (const body of [event, { data: event }, small, { data: small }]) {
      expect(translate(body)).toEqual({ events: [expect.objectContaining({ ...ours, ...expected })], rest: [] });
    }
    expect(translate(form(rfc1123)).events).toEqual([
      expect.objectContaining({ ...ours, ...expected, at: '2025-10-09T10:53:20.000Z' }),
    ]);
  });

  it.each(['queued', 'validation'])('are ignored when they change nothing: %s', (name) => {
    expect(translate(fixture(name))).toMatchObject({ events: [], rest: [{ kind: 'ignored' }] });
  });

  it.each([
    [1, 2001, 'bounced', 'hard'],
    ['Permanent', '2999', 'bounced', 'hard'],
    [0, 2001, 'bounced', 'soft'],
    ['Temporary', 3001, 'bounced', 'soft'],
    [1, 1004, 'bounced', 'soft'],
    [1, 3002, 'bounced', 'soft'],
    [1, 4999, 'bounced', 'soft'],
    [1, 9999, 'bounced', 'soft'],
    [1, 20011, 'bounced', 'soft'],
    [undefined, undefined, 'bounced', 'soft'],
    [2, 2001, 'failed', undefined],
    ['Suppressed', undefined, 'failed', undefined],
  ])('tell a failure of type %s and code %s as %s %s', (FailureType, FailureCode, type, bounceClass) => {
    const [event] = translate({ ...fixture('failed'), FailureType, FailureCode }).events;
    expect([event?.type, event?.bounceClass]).toEqual([type, bounceClass]);
  });

  it.each([5001, '5999'])('change nothing with failure code %s', (FailureCode) => {
    expect(translate({ ...fixture('failed'), FailureCode }).rest).toMatchObject([{ kind: 'ignored' }]);
  });

  it.each([
    [0, 'clicked'],
    ['Click', 'clicked'],
    [1, 'opened'],
    ['Open', 'opened'],
    ['2', 'unsubscribed'],
    ['Unsubscribe', 'unsubscribed'],
  ])('tell tracking %s as %s', (TrackingType, type) => {
    expect(translate({ ...fixture('tracking'), TrackingType }).events).toMatchObject([{ type }]);
  });

  it('of a call with many recipients are known by call and address', () => {
    const event = { ...fixture('delivered'), Data: { Meta: [], Tags: [] } };
    expect(translate(event).events).toMatchObject([
      { messageId: undefined, providerMessageId: ours.providerMessageId, recipient: ours.recipient },
    ]);
    expect(translate({ ...event, MessageId: undefined }).events).toMatchObject([
      { providerMessageId: ours.providerMessageId },
    ]);
  });

  it('of a copy are not those of the recipient', () => {
    const withTo = (Value: string) => ({ ...fixture('failed'), Data: { Meta: [{ Key: 'mf_to', Value }] } });
    expect(translate(withTo('other@example.org'))).toMatchObject({ events: [], rest: [{ kind: 'ignored' }] });
    expect(translate(withTo('ANN@example.org')).events).toHaveLength(1);
  });

  it('get an id that is the same on every repeat', () => {
    const id = (change: Fields) => translate({ ...fixture('tracking'), ...change }).events[0]?.id;
    expect(id({})).toBe(id({ UserAgent: 'another', Address: 'ANN@example.org' }));
    const others = [{ Url: 'https://x.example' }, { Address: 'b@example.org' }, { TrackingType: 1 }];
    expect(new Set([id({}), ...others.map(id)]).size).toBe(4);
  });

  it('without a zone are told in UTC', () => {
    expect(translate({ ...fixture('failed'), DateTime: '2025-10-09T10:53:20.1234567' }).events[0]?.at).toBe(ours.at);
  });

  it.each([
    {},
    { Type: 'Novel' },
    { Type: 'constructor' },
    { ...fixture('tracking'), TrackingType: 9 },
    { ...fixture('delivered'), DateTime: 'soon' },
  ])('are unreadable, not fatal: %#', (event) => {
    expect(translate(event)).toMatchObject({ events: [], rest: [{ kind: 'unreadable', index: 0 }] });
  });

  it.each(['', 'nope', '[]', '1'])('are no body that says %j', (body) => {
    expect(() => translate(body)).toThrow(InvalidMessageError);
  });
});

describe("SocketLabs' secret key", () => {
  const verify = verifySocketlabsWebhook({ secretKey: 'secret', validationKey: 'validation-key' });
  const proofOf = (value: unknown) => verify({ rawBody: bytes(value), headers: {} });

  it('is believed when right, wherever it stands', () => {
    const event = fixture('delivered');
    for (const body of [event, { data: event }, form(event)]) expect(proofOf(body)).toBe(true);
  });

  it.each([
    '',
    'nope',
    '[]',
    {},
    { SecretKey: 'Secret' },
    { SecretKey: ['secret'] },
    { data: { Type: 'Delivered', SecretKey: 'Secret' } },
  ])('is refused in %j', (body) => {
    expect(proofOf(body)).toBe(false);
  });

  it('of a validation is answered with the validation key, and only when right', () => {
    expect(proofOf(fixture('validation'))).toEqual({ answer: 'validation-key' });
    expect(proofOf({ ...fixture('validation'), SecretKey: 'other' })).toBe(false);
  });
});

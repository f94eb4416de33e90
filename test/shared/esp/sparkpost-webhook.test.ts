import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { InvalidMessageError } from '../../../shared/errors.ts';
import { translateSparkpostWebhook, verifySparkpostWebhook } from '../../../shared/esp/sparkpost/webhook.ts';

type Fields = Readonly<Record<string, unknown>>;
const all = JSON.parse(
  readFileSync(new URL('../../fixtures/sparkpost/all-events.json', import.meta.url), 'utf8'),
) as readonly { readonly msys: Readonly<Record<string, Fields>> }[];
const translate = (items: unknown) => translateSparkpostWebhook(Buffer.from(JSON.stringify(items)));
const fixture = (type: string): Fields =>
  all.flatMap(({ msys }) => Object.values(msys)).find((event) => event['type'] === type) ?? {};
const bounce = (change: Fields) => translate([{ msys: { message_event: { ...fixture('bounce'), ...change } } }]);

const ours = {
  at: '2016-04-18T14:25:07.000Z',
  recipient: 'Ann@Example.org',
  messageId: '01890a5d-0000-7000-8000-000000000001',
  attemptId: '01890a5d-0000-7000-8000-000000000001.1',
  providerMessageId: '65832150921904138',
};

describe("SparkPost's events", () => {
  const { events, rest } = translate(all);

  it.each([
    [1, 'delivered', undefined, undefined],
    [2, 'deferred', undefined, '454 4.4.4 [internal] no MX'],
    [3, 'bounced', 'hard', '550 5.1.1 No such user'],
    [4, 'bounced', 'hard', '550 5.1.1 No such user'],
    [5, 'failed', undefined, '550 5.7.1 recipient address suppressed due to customer policy'],
    [6, 'complained', undefined, undefined],
    [7, 'failed', undefined, '554 5.6.0 [internal] substitution failed'],
    [8, 'failed', undefined, '550 5.6.0 [internal] rejected'],
    [9, 'opened', undefined, undefined],
    [10, 'opened', undefined, undefined],
    [11, 'opened', undefined, undefined],
    [12, 'opened', undefined, undefined],
    [13, 'clicked', undefined, undefined],
    [14, 'clicked', undefined, undefined],
    [15, 'unsubscribed', undefined, undefined],
    [16, 'unsubscribed', undefined, undefined],
  ])('at place %i come out as %s %s', (index, type, bounceClass, reason) => {
    const event = events.find((candidate) => candidate.index === index);
    expect(event).toEqual({
      ...ours,
      id: String(92356927693813001n + BigInt(index)),
      index,
      type,
      bounceClass,
      reason,
    });
  });

  it('of no message of ours are ignored: injections, relays, tests, ingestion, pings', () => {
    expect(rest.map(({ kind, index }) => [kind, index])).toEqual(
      [0, 17, 18, 19, 20].map((index) => ['ignored', index]),
    );
  });

  it.each([
    ['10', 'hard'],
    ['30', 'hard'],
    ...['1', '20', '21', '22', '23', '24', '40', '50', '51', '52', '53', '54', '70', '99'].map((code) => [
      code,
      'soft',
    ]),
  ])('bounce by class: %s is %s', (bounce_class, bounceClass) => {
    expect(bounce({ bounce_class }).events).toMatchObject([{ type: 'bounced', bounceClass }]);
    expect(bounce({ bounce_class: Number(bounce_class) }).events).toMatchObject([{ type: 'bounced', bounceClass }]);
  });

  it.each([
    ['25', 'failed'],
    ['90', 'unsubscribed'],
  ])('of bounce class %s are no bounce but %s', (bounce_class, type) => {
    expect(bounce({ bounce_class }).events).toMatchObject([{ type, bounceClass: undefined }]);
  });

  it.each(['60', '80', '100'])('of bounce class %s change nothing', (bounce_class) => {
    expect(bounce({ bounce_class })).toMatchObject({ events: [], rest: [{ kind: 'ignored' }] });
  });

  it.each([{ rcpt_type: 'cc' }, { rcpt_type: 'bcc' }, { rcpt_meta: { mf_copy_of: 'm' } }])(
    'of a copy are not those of the recipient: %j',
    (change) => {
      expect(bounce(change)).toMatchObject({ events: [], rest: [{ kind: 'ignored' }] });
    },
  );

  it.each([1460989507, '1460989507', '2016-04-18T14:25:07Z', '2016-04-18T10:25:07-04:00'])(
    'tell their time as %j',
    (timestamp) => {
      expect(bounce({ timestamp }).events[0]?.at).toBe(ours.at);
    },
  );

  it('without an id of their own get one that is the same on every repeat', () => {
    const id = (change: Fields) => bounce({ event_id: undefined, ...change }).events[0]?.id;
    expect(id({})).toBe(id({ raw_reason: 'another' }));
    expect(new Set([id({}), id({ raw_rcpt_to: 'b@example.org' }), id({ type: 'out_of_band' })]).size).toBe(3);
  });

  it.each([
    {},
    { msys: 1 },
    { msys: { message_event: 1 } },
    { msys: { message_event: { type: 'novel' } } },
    { msys: { message_event: { type: 'constructor' } } },
    { msys: { message_event: { ...fixture('delivery'), timestamp: 'soon' } } },
    'x',
  ])('are unreadable, not fatal, and cost only themselves: %#', (item) => {
    const result = translate([item, all[1]]);
    expect(result.rest).toMatchObject([{ kind: 'unreadable', index: 0 }]);
    expect(result.events).toMatchObject([{ index: 1, type: 'delivered' }]);
  });

  it.each(['', 'nope', '{}', '1'])('are no body that says %j', (body) => {
    expect(() => translateSparkpostWebhook(Buffer.from(body))).toThrow(InvalidMessageError);
  });
});

describe("SparkPost's credentials", () => {
  const verify = verifySparkpostWebhook({ user: 'hook', password: 'pä:ss' });
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const request = (authorization: string | undefined, body = JSON.stringify(all)) => ({
    rawBody: Buffer.from(body),
    headers: authorization === undefined ? {} : { authorization },
  });

  it('are believed when right', () => {
    expect(verify(request(basic('hook:pä:ss')))).toBe(true);
    expect(verify(request(basic('hook:pä:ss'), 'not json'))).toBe(true);
  });

  it.each([undefined, '', 'Basic', basic('hook:pä:s'), basic('Hook:pä:ss'), 'Bearer x'])(
    'are refused when they are %j, also on a ping',
    (authorization) => {
      expect(verify(request(authorization))).toBe(false);
      expect(verify(request(authorization, '[{"msys":{}}]'))).toBe(false);
    },
  );

  it('of a ping are answered with nothing, and nothing is published', () => {
    expect(verify(request(basic('hook:pä:ss'), '[{"msys":{}}]'))).toEqual({ answer: '' });
  });
});

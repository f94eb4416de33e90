import { randomBytes } from 'node:crypto';

/** A record as a foreign producer may write it. */
export interface ForeignRecord {
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
}

/** What is to become of it: a dead letter, or either that or something harmless. */
export type Fate = 'dead' | 'either';

export interface HostileRecord extends ForeignRecord {
  readonly fate: Fate;
}

export type Road = 'email' | 'delivery';
type Make = (n: number, random: () => number, road: Road) => HostileRecord;

const request = (n: number, more: object = {}): object => ({
  from: 'news@acme.example',
  subject: 'Hello',
  text: 'Hi',
  recipients: [{ email: `bad${n}@gmail.com` }],
  ...more,
});
const event = (n: number, more: object = {}): object => ({ domain: `bad${n}.example`, type: 'delivered', ...more });
const good = (road: Road, n: number, more: object = {}): string =>
  JSON.stringify(road === 'email' ? request(n, more) : event(n, more));
const key = (n: number): string => `hostile-${n}`;
const dead = (n: number, value: string | Buffer | null, headers?: ForeignRecord['headers']): HostileRecord => ({
  key: key(n),
  value,
  fate: 'dead',
  ...(headers === undefined ? {} : { headers }),
});
const either = (record: ForeignRecord): HostileRecord => ({ ...record, fate: 'either' });
const oneOf = <T>(random: () => number, items: readonly [T, ...T[]]): T =>
  items[Math.floor(random() * items.length)] ?? items[0];

const million = 'x'.repeat(1_000_000);
const deep = (open: string, close: string): string => `${open.repeat(10_000)}1${close.repeat(10_000)}`;

/** Text in the place of a field that is kept: `subject` of a request, `messageId` of an event. */
const withText = (road: Road, n: number, json: string): string =>
  good(road, n).replace(/\}$/, road === 'email' ? `,"subject":${json}}` : `,"messageId":${json}}`);
const withNumber = (road: Road, n: number, json: string): string =>
  good(road, n).replace(/\}$/, road === 'email' ? `,"batch":{"id":"b","size":${json}}}` : `,"count":${json}}`);
const withTime = (road: Road, n: number, time: string): string =>
  good(road, n, road === 'email' ? { sendAt: time } : { at: time });

/** Every class of bad record, by name. Each call makes another one; the same for the same random numbers. */
export const classes: Readonly<Record<string, Make>> = {
  'no value': (n) => dead(n, null),
  'empty value': (n) => dead(n, ''),
  'cut JSON': (n, random, road) => {
    const whole = good(road, n);
    return dead(n, whole.slice(0, 1 + Math.floor(random() * (whole.length - 2))));
  },
  'another type': (n, random) =>
    dead(
      n,
      oneOf(random, ['null', 'true', '0', '"text"', '[]', '{}', '[[1]]', '{"from":[]}', '{"events":{}}', '{"due":[]}']),
    ),
  'another version': (n, random, road) =>
    dead(
      n,
      oneOf(random, [
        JSON.stringify({ version: 99, payload: JSON.parse(good(road, n)) as unknown }),
        JSON.stringify({ specversion: '1.0', type: 'x', data: JSON.parse(good(road, n)) as unknown }),
      ]),
    ),
  'what is needed is missing': (n, random, road) =>
    dead(
      n,
      road === 'email'
        ? oneOf(random, [
            JSON.stringify({ text: 'Hi' }),
            JSON.stringify(request(n, { recipients: [{}] })),
            JSON.stringify(request(n, { from: null })),
          ])
        : oneOf(random, [
            JSON.stringify({ type: 'delivered' }),
            JSON.stringify({ domain: 'a.example' }),
            JSON.stringify({ events: [{}] }),
          ]),
    ),
  'a string of 1 MB': (n, _random, road) => dead(n, withText(road, n, JSON.stringify(million))),
  'nested 10,000 deep': (n, random, road) =>
    dead(
      n,
      oneOf(random, [
        deep('[', ']'),
        deep('{"a":', '}'),
        road === 'email'
          ? withText(road, n, '""').replace(/\}$/, `,"data":{"a":${deep('[', ']')}}}`)
          : deep('{"events":[', ']}'),
      ]),
    ),
  NUL: (n, random, road) => dead(n, withText(road, n, oneOf(random, ['"a\\u0000b"', '"\\u0000"']))),
  'a lone surrogate': (n, random, road) =>
    dead(n, withText(road, n, oneOf(random, ['"\\ud800"', '"a\\udc00b"', '"\\udc00\\ud800"']))),
  'no UTF-8': (n, random, road) =>
    dead(
      n,
      Buffer.concat([Buffer.from(good(road, n)), Buffer.from([0xff, 0xfe, 0xc0, 0x80])]),
      random() < 0.5 ? { 'x-raw': randomBytes(8) } : undefined,
    ),
  '__proto__ and constructor': (n, random, road) =>
    either({
      key: key(n),
      value: oneOf(random, [
        good(road, n).replace('{', '{"__proto__":{"isAdmin":true},'),
        good(road, n).replace('{', '{"constructor":{"prototype":{"isAdmin":true}},'),
        road === 'email'
          ? JSON.stringify(request(n)).replace(/\}$/, ',"data":{"__proto__":{"a":1},"constructor":{"prototype":1}}}')
          : good(road, n).replace('"delivered"', '"__proto__"'),
      ]),
    }),
  'numbers beyond': (n, random, road) =>
    dead(n, withNumber(road, n, oneOf(random, ['1e400', '-0', '9223372036854775808', '-1', '0.5', '1e-400']))),
  'times beyond': (n, random, road) =>
    dead(
      n,
      withTime(
        road,
        n,
        oneOf(random, [
          '0000-01-01T00:00:00Z',
          '99999-01-01T00:00:00Z',
          '+099999-01-01T00:00:00Z',
          '1969-12-31T23:59:59Z',
          '2027-02-30T00:00:00Z',
        ]),
      ),
    ),
  'times with an odd offset': (n, random, road) =>
    either({
      key: key(n),
      value: withTime(road, n, oneOf(random, ['2026-01-01T00:00:00+17:54', '2026-01-01T00:00:00-23:59'])),
    }),
  'bad headers': (n, random, road) =>
    either({
      key: key(n),
      value: random() < 0.5 ? good(road, n) : '{',
      headers: oneOf<Readonly<Record<string, string | Buffer>>>(random, [
        { 'x-original-offset': 'minus one', 'x-original-topic': '\u0000', 'x-original-partition': 'NaN' },
        { 'x-original-offset': '1', 'x-original-timestamp': '1e999' },
        { 'x-attempts': 'many', 'x-first-failed-at': 'yesterday', 'x-error-code': '\u0000' },
        { 'idempotency-key': '', 'x-correlation-id': randomBytes(20) },
        { 'idempotency-key': randomBytes(300), [randomBytes(4).toString('latin1')]: '' },
        {},
      ]),
    }),
  'no key': (_n, random) => ({
    key: oneOf(random, [null, Buffer.from([0xff, 0x00, 0xfe]), '']),
    value: '{"from":',
    fate: 'dead',
  }),
  'of another topic': (n, _random, road) => dead(n, good(road === 'email' ? 'delivery' : 'email', n)),
  'an address that is none': (n, random, road) =>
    dead(
      n,
      road === 'email'
        ? JSON.stringify(
            request(n, {
              recipients: [
                {
                  email: oneOf(random, [
                    'a@b',
                    '@',
                    'a@[127.0.0.1]',
                    'a b@example.org',
                    `${'x'.repeat(65)}@example.org`,
                    'a@b.example, c@d.example',
                  ]),
                },
              ],
            }),
          )
        : JSON.stringify(
            event(n, {
              domain: oneOf(random, [
                '',
                '..',
                'a b',
                `${'a'.repeat(64)}.example`,
                'x'.repeat(254),
                'http://a.example/',
              ]),
            }),
          ),
    ),
};

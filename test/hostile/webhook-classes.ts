import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packageRoot } from '../../shared/config/package-root.ts';
import type { WebhookEsp } from '../../shared/contracts/topics.ts';
import type { EspVoice, Post, Told } from './esp-voices.ts';
import { mutated } from './mutate.ts';

/** A post and what is to become of it. */
export interface HostilePost {
  readonly post: Post;
  readonly status: number;
  /** Events that are to be kept, under the domain that tells them from all others. */
  readonly kept: number;
  readonly dead: 'yes' | 'no' | 'either';
}

export const keptDomain = 'kept.example';

interface Source {
  readonly esp: WebhookEsp;
  readonly voice: EspVoice;
  readonly random: () => number;
  /** Counts up with every call. */
  readonly next: () => number;
}
type Make = (source: Source) => HostilePost;

const now = (): Date => new Date(Date.now() - 60_000);
const good = ({ next }: Source, more: Partial<Told> = {}): Told => {
  const n = next();
  return { kind: 'delivered', n, email: `w${n}@${keptDomain}`, at: now(), ...more };
};
const many = (count: number, make: () => unknown): unknown[] => Array.from({ length: count }, make);
const batch = ({ voice }: Source, events: readonly unknown[]): unknown => (voice.holds === 'many' ? events : events[0]);
const said = (source: Source, events: readonly unknown[], contentType?: string): Post =>
  source.voice.sign(source.voice.body(batch(source, events)), contentType);
const kept = (post: Post, count: number): HostilePost => ({ post, status: 200, kept: count, dead: 'no' });
const dead = (post: Post, count = 0): HostilePost => ({ post, status: 200, kept: count, dead: 'yes' });
const refused = (post: Post, status: number): HostilePost => ({ post, status, kept: 0, dead: 'no' });
const isSecretInBody = (esp: WebhookEsp): boolean => esp === 'socketlabs' || esp === 'ses';

// Bodies as the vendors show them; some are no events.
const fixtures = (esp: WebhookEsp): unknown[] =>
  readdirSync(join(packageRoot, 'test', 'fixtures', esp))
    .filter((name) => name !== 'recorded.json')
    .map((name) => JSON.parse(readFileSync(join(packageRoot, 'test', 'fixtures', esp, name), 'utf8')) as unknown);

/** Every class of webhook that may come, by name. */
export const webhookClasses: Readonly<Record<string, Make>> = {
  'as the vendor shows them': ({ esp, voice, random }) => {
    const all = fixtures(esp);
    const one = all[Math.floor(random() * all.length)];
    return { ...kept(voice.sign(voice.body(one)), 0), dead: 'either' };
  },
  'a delivery': (source) => kept(said(source, [source.voice.event(good(source))]), 1),
  'a bounce': (source) =>
    kept(said(source, [source.voice.event(good(source, { kind: 'bounced', reason: '550 no such user' }))]), 1),
  'an unknown type': (source) => dead(said(source, [source.voice.event(good(source, { kind: 'unheard-of' }))])),
  'no event at all': (source) =>
    source.voice.holds === 'many'
      ? kept(said(source, []), 0)
      : { ...kept(source.voice.sign(source.voice.body({})), 0), dead: 'either' },
  'one bad among 99 good': (source) => {
    if (source.voice.holds === 'one') return kept(said(source, [source.voice.event(good(source))]), 1);
    const events = many(99, () => source.voice.event(good(source)));
    events.splice(Math.floor(source.random() * 99), 0, source.voice.event(good(source, { kind: 'unheard-of' })));
    return dead(said(source, events), 99);
  },
  'a hundred good ones': (source) => {
    const count = source.voice.holds === 'many' ? 100 : 1;
    return kept(
      said(
        source,
        many(count, () => source.voice.event(good(source))),
      ),
      count,
    );
  },
  'one told ten times': (source) => {
    const event = source.voice.event(good(source));
    return kept(
      said(
        source,
        many(10, () => event),
      ),
      1,
    );
  },
  'another media type': (source) =>
    kept(
      said(
        source,
        [source.voice.event(good(source))],
        ['text/html', 'application/xml', 'multipart/form-data', 'a/b', 'application/json; charset=utf-16'][
          Math.floor(source.random() * 5)
        ],
      ),
      1,
    ),
  'a byte order mark': (source) => {
    // What is signed in the body is signed as JSON, whatever stands before it.
    const body = Buffer.concat([
      Buffer.from('\ufeff'),
      source.voice.body(batch(source, [source.voice.event(good(source))])),
    ]);
    return { ...kept(source.voice.sign(body), 1), status: 200 };
  },
  gzip: (source) => {
    const body = gzipSync(source.voice.body(batch(source, [source.voice.event(good(source))])));
    const post = source.voice.sign(body);
    const zipped = { ...post, headers: { ...post.headers, 'content-encoding': 'gzip' } };
    return isSecretInBody(source.esp) ? refused(zipped, 401) : dead(zipped);
  },
  '1970, and far ahead': (source) =>
    dead(
      said(source, [source.voice.event(good(source, { at: new Date(source.random() < 0.5 ? 0 : 7_258_118_400_000) }))]),
    ),
  'a line break in the reason': (source) =>
    kept(
      said(source, [
        source.voice.event(good(source, { kind: 'bounced', reason: '550 no\r\nBcc: x@y.example\u0000\u2028' })),
      ]),
      1,
    ),
  'an id of somebody else': (source) =>
    kept(
      said(source, [source.voice.event(good(source, { messageId: 'msg_01900000-0000-7000-8000-000000000000' }))]),
      1,
    ),
  'unusual local parts': (source) => {
    const local =
      ['jürgen', '"john doe"', '"a@b"', '用户', "o'neil+tag", 'a..b', ''][Math.floor(source.random() * 7)] ?? '';
    const n = source.next();
    return kept(said(source, [source.voice.event({ ...good(source), n, email: `${local}${n}@${keptDomain}` })]), 1);
  },
  'values that nobody expects': (source) => {
    const n = source.next();
    const told: Told = {
      kind: source.random() < 0.5 ? 'delivered' : 'bounced',
      n,
      email: `m${n}@mutated.example`,
      at: now(),
      reason: 'x',
    };
    const json = mutated(source.voice.event(told), source.random);
    return {
      ...kept(source.voice.sign(source.voice.body(source.voice.holds === 'many' ? [json, json] : json)), 0),
      dead: 'either',
      status: source.esp === 'socketlabs' ? 0 : 200,
    };
  },
  'no JSON': (source) => {
    if (isSecretInBody(source.esp)) return refused({ headers: {}, body: Buffer.from('{"SecretKey"') }, 401);
    return dead(
      source.voice.sign(Buffer.from(['{', 'hello', '\u0000', '<x/>', 'NaN'][Math.floor(source.random() * 5)] ?? '')),
    );
  },
  unsigned: (source) => {
    const { body } = said(source, [source.voice.event(good(source))]);
    const forged =
      source.esp === 'socketlabs' || source.esp === 'ses'
        ? Buffer.from(body.toString().replace(/(SecretKey|Signature)":"./, '$1":"!'))
        : body;
    return refused({ headers: { 'content-type': 'application/json' }, body: forged }, 401);
  },
  'changed by a byte': (source) => {
    const post = said(source, [source.voice.event(good(source))]);
    if (source.esp === 'sendgrid' || source.esp === 'ses')
      return refused({ ...post, body: Buffer.from(post.body.toString().replace(keptDomain, 'changed.example')) }, 401);
    if (source.esp === 'socketlabs')
      return refused(
        { ...post, body: Buffer.from(post.body.toString().replace(/"SecretKey":"(.)/, '"SecretKey":"$1x')) },
        401,
      );
    return refused(
      { ...post, headers: { ...post.headers, authorization: `${post.headers['authorization'] ?? ''}x` } },
      401,
    );
  },
};

/** Those that are dear, and tried a few times only. */
export const largeClasses: Readonly<Record<string, Make>> = {
  'ten thousand events': (source) => {
    const count = source.voice.holds === 'many' ? 10_000 : 1;
    return kept(
      said(
        source,
        many(count, () => source.voice.event(good(source))),
      ),
      count,
    );
  },
  'a thousand events with long reasons': (source) => {
    const count = source.voice.holds === 'many' ? 1_000 : 1;
    return kept(
      said(
        source,
        many(count, () => source.voice.event(good(source, { kind: 'bounced', reason: '\u20ac'.repeat(1_900) }))),
      ),
      count,
    );
  },
  'more than 10 MiB': (source) => refused(source.voice.sign(randomBytes(10_485_761)), 413),
};

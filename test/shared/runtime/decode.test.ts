import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import { decode } from '../../../shared/runtime/decode.ts';

const topics = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' }));
const send = topics.send['email-send'];
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const faultOf = (value: Uint8Array | null): { readonly code: string; readonly reason: string } | undefined => {
  const decoded = decode(send, value);
  return decoded.ok ? undefined : decoded;
};
const good = { from: 'a@b.example', text: 'x', recipients: [{ email: 'c@d.example' }] };
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('Decoding a record', () => {
  it('gives its value by the topic’s schema', () => {
    expect(decode(send, bytes({ ...good, future: 1 }))).toEqual({ ok: true, value: good });
  });

  it.each<[string, Uint8Array | null, string]>([
    ['a tombstone', null, 'no-value'],
    ['nothing', Buffer.alloc(0), 'not-json'],
    ['truncated JSON', bytes(good).subarray(0, 20), 'not-json'],
    ['a text', bytes('hello'), 'bad-shape'],
    ['null', bytes(null), 'bad-shape'],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'not-utf8'],
    [
      'a lone surrogate',
      Buffer.from('{"from":"a@b.example","text":"\\ud800","recipients":[{"email":"c@d.example"}]}'),
      'bad-shape',
    ],
    ['NUL', Buffer.from('{"from":"a@b.example","text":"\\u0000","recipients":[{"email":"c@d.example"}]}'), 'bad-shape'],
    ['a text of 20 MB', bytes({ ...good, text: 'x'.repeat(20_000_000) }), 'bad-shape'],
    ['an object nested 10,000 deep', Buffer.from(nested(10_000)), 'bad-shape'],
  ])('%s is a fault, not a throw', (_, value, code) => {
    expect(faultOf(value)?.code).toBe(code);
  });

  it('never throws, however deep a record is nested where anything may stand', () => {
    for (const depth of [100, 1_000, 5_000, 10_000, 100_000]) {
      for (const field of ['substitutions', 'metadata', 'unknown']) {
        const record = `{"from":"a@b.example","text":"x","data":{"v":${nested(depth)}},"recipients":[{"email":"c@d.example","${field}":{"v":${nested(depth)}}}]}`;
        const decoded = decode(send, Buffer.from(record));
        expect(typeof decoded.ok).toBe('boolean');
      }
    }
  });

  it('says what is wrong with the shape that was meant, at its place, and no value', () => {
    const fault = faultOf(bytes({ ...good, recipients: [{ email: 'c@d.example' }, { email: 5 }] }));
    expect(fault?.reason).toContain('/recipients/1/email');
    expect(fault?.reason).toContain('email-send');
    expect(fault?.reason).not.toContain('c@d.example');
  });

  it('parses no webhook: its bytes stand for themselves', () => {
    expect(decode(topics.webhook.ses, Buffer.from([0xff]))).toEqual({ ok: true, value: Buffer.from([0xff]) });
    expect(decode(topics.webhook.ses, null)).toEqual({ ok: true, value: new Uint8Array() });
  });

  it('never throws, whatever the bytes', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(`{"from":${text},"recipients":${text},"events":[${text}]}`)),
    );
    fc.assert(
      fc.property(anything, fc.constantFrom(...topics.all), (value, topic) => {
        expect(typeof decode(topic, value).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
});

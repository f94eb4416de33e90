import { describe, expect, it } from '@jest/globals';
import { readDeadLetter, type ReadRecord } from '../../../consumers/dead-letters/read-dead-letter.ts';

const place = { topic: 'email-send.dead', partition: 0, cluster: 'cluster-now' };
const headers = {
  'x-original-topic': 'email-send',
  'x-original-partition': '7',
  'x-original-offset': '42',
  'x-original-timestamp': '1000',
  'x-original-cluster': 'cluster-then',
  'x-error-code': 'bad-shape',
  'x-error-message': 'It does not fit.',
  'x-attempts': '3',
  'x-first-failed-at': '2026-01-01T00:00:00.000Z',
  'x-consumer': 'email-send',
};
const record = (more: Partial<ReadRecord> = {}): ReadRecord => ({
  raw: Buffer.from([0, 255, 1]),
  key: 'req_1:0',
  headers,
  offset: 5n,
  timestampMs: Date.parse('2026-02-01T00:00:00Z'),
  ...more,
});

describe('A dead letter', () => {
  it('is kept under its origin, with why it failed and its bytes as they were', () => {
    expect(readDeadLetter(record(), place)).toEqual({
      topic: 'email-send',
      partition: 7,
      offset: '42',
      epoch: 'cluster-then',
      consumer: 'email-send',
      code: 'bad-shape',
      reason: 'It does not fit.',
      attempts: 3,
      recordKey: 'req_1:0',
      headers,
      payload: Buffer.from([0, 255, 1]),
      firstFailedAt: new Date('2026-01-01T00:00:00.000Z'),
    });
  });

  it('without headers is kept under its own place', () => {
    expect(readDeadLetter(record({ headers: {}, key: undefined }), place)).toMatchObject({
      topic: 'email-send.dead',
      partition: 0,
      offset: '5',
      epoch: 'cluster-now',
      code: 'unknown',
      attempts: 1,
      recordKey: undefined,
      firstFailedAt: new Date('2026-02-01T00:00:00Z'),
    });
  });

  it.each([
    ['no topic', { 'x-original-topic': undefined }],
    ['no partition', { 'x-original-partition': undefined }],
    ['a partition that is none', { 'x-original-partition': '-1' }],
    ['an offset that is none', { 'x-original-offset': '1e9' }],
    ['an offset beyond bigint', { 'x-original-offset': '9'.repeat(30) }],
  ])('with %s is kept under its own place, never under half an origin', (_, change) => {
    const given = Object.fromEntries(
      Object.entries({ ...headers, ...change }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    expect(readDeadLetter(record({ headers: given }), place)).toMatchObject({
      topic: 'email-send.dead',
      partition: 0,
      offset: '5',
    });
  });

  it.each([
    ['attempts', { 'x-attempts': 'many' }, { attempts: 1 }],
    ['attempts beyond an integer', { 'x-attempts': '99999999999' }, { attempts: 1 }],
    ['a time', { 'x-first-failed-at': 'yesterday' }, { firstFailedAt: new Date('2026-02-01T00:00:00Z') }],
  ])('is kept although %s cannot be read', (_, change, expected) => {
    expect(readDeadLetter(record({ headers: { ...headers, ...change } }), place)).toMatchObject(expected);
  });

  it('can be stored by Postgres, whatever its headers and key hold', () => {
    const letter = readDeadLetter(
      record({ key: 'a\u0000b', headers: { 'x-a\u0000': '\ud800', 'x-error-message': 'no\u0000' } }),
      place,
    );
    expect(letter.recordKey).toBe('a\ufffdb');
    expect(letter.headers).toEqual({ 'x-a\ufffd': '\ufffd', 'x-error-message': 'no\ufffd' });
    expect(letter.reason).toBe('no\ufffd');
  });

  it('of a record without time still has one', () => {
    expect(readDeadLetter(record({ headers: {}, timestampMs: -1 }), place).firstFailedAt).toEqual(new Date(0));
  });
});

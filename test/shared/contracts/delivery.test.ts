import { describe, expect, it } from '@jest/globals';
import { deliveryRecord } from '../../../shared/contracts/delivery.ts';

const takes = (value: unknown): boolean => deliveryRecord.safeParse(value).success;
const event = { domain: 'example.org', type: 'delivered' };

describe('A record of the delivery topic', () => {
  it('is one event, or many of one key', () => {
    expect(takes(event)).toBe(true);
    expect(takes({ events: [event, { ...event, type: 'bounced' }] })).toBe(true);
    expect(takes({ events: [] })).toBe(false);
    expect(takes({ events: Array(10_001).fill(event) })).toBe(false);
  });

  it('lets properties pass that it does not know', () => {
    expect(deliveryRecord.parse({ ...event, future: 1 })).toEqual(event);
  });

  it.each<[string, object]>([
    ['an unknown type', { type: 'exploded' }],
    ['no domain', { domain: '' }],
    ['a count of 0', { count: 0 }],
    ['a negative count', { count: -1 }],
    ['half a count', { count: 1.5 }],
    ['a count beyond all sense', { count: 1e400 }],
    ['a count that would overflow', { count: 2 ** 63 }],
    ['an empty id', { id: '' }],
    ['NUL in its id', { id: 'a\u0000' }],
    ['NUL in its reason', { reason: 'a\u0000' }],
    ['a lone surrogate in its reason', { reason: '\ud800' }],
    ['NUL in the pointer to its origin', { raw: { topic: 'a\u0000', partition: 0, offset: '0', index: 0 } }],
    [
      'a lone surrogate in the pointer to its origin',
      { raw: { topic: 't', partition: 0, offset: '\udfff', index: 0 } },
    ],
    ['the year 0', { at: '0000-01-01T00:00:00Z' }],
    ['the year 99999', { at: '99999-01-01T00:00:00Z' }],
    ['a date without time', { at: '2026-01-01' }],
  ])('is none with %s', (_, change) => {
    expect(takes({ ...event, ...change })).toBe(false);
    expect(takes({ events: [event, { ...event, ...change }] })).toBe(false);
  });
});

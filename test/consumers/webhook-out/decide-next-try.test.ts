import { describe, expect, it } from '@jest/globals';
import { decideNextTry, pausesMs, readRetryAfter } from '../../../consumers/webhook-out/decide-next-try.ts';

const answer = (status: number | undefined, retryAfterMs?: number) => ({ status, retryAfterMs });

describe('After a call', () => {
  it.each([200, 202, 204, 299])('%d is a success', (status) => {
    expect(decideNextTry(answer(status), 1)).toEqual({ state: 'delivered' });
  });

  it.each([undefined, 199, 301, 302, 400, 401, 404, 429, 500, 503])('%s is tried again', (status) => {
    expect(decideNextTry(answer(status), 1)).toEqual({ state: 'due', waitMs: 5_000 });
  });

  it('the pauses grow over a day and more, and after the last the call has failed', () => {
    const minutes = pausesMs.map((ms) => ms / 60_000);
    expect(minutes).toEqual([1 / 12, 5, 30, 120, 300, 600, 600]);
    const states = Array.from({ length: 8 }, (_, tries) => decideNextTry(answer(500), tries + 1));
    expect(states.slice(0, 7)).toEqual(pausesMs.map((waitMs) => ({ state: 'due', waitMs })));
    expect(states[7]).toEqual({ state: 'failed', gone: false });
  });

  it('an endpoint is believed that it is gone, and when to come again, up to a day', () => {
    expect(decideNextTry(answer(410), 1)).toEqual({ state: 'failed', gone: true });
    expect(decideNextTry(answer(503, 60_000), 1)).toEqual({ state: 'due', waitMs: 60_000 });
    expect(decideNextTry(answer(429, 1_000), 2)).toEqual({ state: 'due', waitMs: 300_000 });
    expect(decideNextTry(answer(503, 1e12), 1)).toEqual({ state: 'due', waitMs: 86_400_000 });
  });

  it('Retry-After is a number of seconds, or a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(readRetryAfter('120', now)).toBe(120_000);
    expect(readRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000);
    expect(readRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
    expect([readRetryAfter(undefined, now), readRetryAfter('soon', now)]).toEqual([undefined, undefined]);
  });
});

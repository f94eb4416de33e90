import { describe, expect, it } from '@jest/globals';
import { decideNextStep, isBadForHealth, type NextStep } from '../../../consumers/email-send/decide-next-step.ts';
import { usualLifetimesMs } from '../../../shared/domain/next-attempt.ts';
import type { DeliveryAnswer } from '../../../shared/esp/esp.ts';

const why = { code: '400', detail: 'no' };
const answers = {
  accepted: { outcome: 'accepted', providerMessageId: 'p-1' },
  recipientRefused: { outcome: 'recipient-refused', ...why },
  contentRefused: { outcome: 'refused', reason: 'content', ...why },
  credentialsRefused: { outcome: 'refused', reason: 'credentials', ...why },
  outage: { outcome: 'unavailable', reason: 'outage', ...why },
  throttled: { outcome: 'unavailable', reason: 'throttled', retryAfterMs: 60_000, ...why },
  quota: { outcome: 'unavailable', reason: 'quota', ...why },
  unknown: { outcome: 'unknown', ...why },
} as const satisfies Record<string, DeliveryAnswer>;
type Answer = keyof typeof answers;

const message = {
  messageClass: 'transactional',
  attempts: 1,
  ageMs: 0,
  lifetimeMs: usualLifetimesMs.transactional,
  untried: [] as string[],
  mayTakeLater: false,
} as const;
const decide = (answer: Answer, more: Partial<Parameters<typeof decideNextStep>[2]> = {}): NextStep =>
  decideNextStep(answers[answer], 'sendgrid', { ...message, ...more }, 1);

describe('What follows from an ESP’s answer', () => {
  it.each<[Answer, NextStep['kind']]>([
    ['accepted', 'sent'],
    ['recipientRefused', 'failed'],
    ['contentRefused', 'next-esp'],
    ['credentialsRefused', 'next-esp'],
    ['outage', 'next-esp'],
    ['throttled', 'next-esp'],
    ['quota', 'next-esp'],
    ['unknown', 'unknown'],
  ])('%s, with another ESP left: %s', (answer, kind) => {
    expect(decide(answer, { untried: ['postmark', 'ses'] }).kind).toBe(kind);
  });

  it.each<[Answer, NextStep['kind']]>([
    ['accepted', 'sent'],
    ['recipientRefused', 'failed'],
    ['contentRefused', 'failed'],
    ['credentialsRefused', 'retry'],
    ['outage', 'retry'],
    ['throttled', 'retry'],
    ['quota', 'retry'],
    ['unknown', 'unknown'],
  ])('%s, with nobody left: %s', (answer, kind) => {
    expect(decide(answer).kind).toBe(kind);
  });

  it('goes to the first of the untried', () => {
    expect(decide('outage', { untried: ['postmark', 'ses'] })).toMatchObject({ kind: 'next-esp', esp: 'postmark' });
  });

  it('waits for an ESP that could only not take it now, although the last one refused it for good', () => {
    expect(decide('contentRefused', { mayTakeLater: true }).kind).toBe('retry');
    expect(decide('recipientRefused', { mayTakeLater: true }).kind).toBe('failed');
  });

  it('waits as long as the ESP asked, and never past the message’s life', () => {
    expect(decide('throttled')).toMatchObject({ kind: 'retry', delayMs: 60_000 });
    expect(decide('outage')).toMatchObject({ kind: 'retry', delayMs: 5_000 });
    expect(decide('outage', { ageMs: 86_400_000 })).toMatchObject({ kind: 'failed' });
    expect(decide('throttled', { lifetimeMs: 300_000, ageMs: 250_000 })).toEqual({
      kind: 'failed',
      reason: 'No ESP took it within 5 min.',
      error: expect.stringMatching(/^sendgrid: /),
    });
    expect(decide('outage', { lifetimeMs: 3 * 86_400_000, ageMs: 86_400_000 })).toMatchObject({ kind: 'retry' });
  });

  it('leaves an ambiguous one to its webhook for the window of its class', () => {
    expect(decide('unknown', { messageClass: 'otp', untried: ['postmark'] })).toMatchObject({
      kind: 'unknown',
      windowMs: 3_000,
    });
    expect(decide('unknown')).toMatchObject({ windowMs: 60_000 });
    expect(decide('unknown', { messageClass: 'bulk' })).toMatchObject({ windowMs: 600_000 });
  });

  it('keeps the ESP’s words, shortened, and the id it gave', () => {
    expect(decide('accepted')).toEqual({ kind: 'sent', providerMessageId: 'p-1' });
    expect(decide('contentRefused')).toEqual({
      kind: 'failed',
      reason: 'Every ESP refused the message for good.',
      error: 'sendgrid: no (400)',
    });
    const long = decideNextStep(
      { outcome: 'recipient-refused', code: 'x', detail: 'y'.repeat(5_000) },
      'ses',
      message,
      1,
    );
    expect(long).toMatchObject({
      kind: 'failed',
      error: expect.stringMatching(/^.{1,1000}$/),
    });
  });
});

describe('An answer speaks against the ESP’s health', () => {
  it.each<[Answer, boolean]>([
    ['accepted', false],
    ['recipientRefused', false],
    ['contentRefused', false],
    ['credentialsRefused', true],
    ['outage', true],
    ['throttled', true],
    ['quota', true],
    ['unknown', true],
  ])('%s: %s', (answer, isBad) => {
    expect(isBadForHealth(answers[answer])).toBe(isBad);
  });
});

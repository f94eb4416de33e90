import { describe, expect, it } from '@jest/globals';
import { asProbe } from '../../../consumers/email-send/claimed-message.ts';
import {
  byWeight,
  isNobodyLeft,
  orderEsps,
  orderStored,
  probedOnly,
} from '../../../consumers/email-send/order-esps.ts';
import type { Allowance } from '../../../shared/domain/esp-health.ts';

const weights = { ses: 100, postmark: 450, sendgrid: 450 };
const allowed = (kinds: Readonly<Record<string, Allowance['kind']>>): Record<string, Allowance> =>
  Object.fromEntries(
    Object.entries(kinds).map(([esp, kind]) => [esp, kind === 'share' ? { kind, most: 0.1 } : { kind }]),
  );
const well = allowed({ ses: 'any', postmark: 'any', sendgrid: 'share' });

describe('The order in which ESPs are asked', () => {
  it('is by weight, then by name', () => {
    expect(byWeight(weights)).toEqual(['postmark', 'sendgrid', 'ses']);
  });

  it('begins with the planned one and names everyone once', () => {
    expect(orderEsps('ses', weights, well)).toEqual({
      candidates: ['ses', 'postmark', 'sendgrid'],
      isAnyLeftOut: false,
    });
    expect(orderEsps('gone', { ses: 1_000 }, well).candidates).toEqual(['gone', 'ses']);
  });

  it.each<[string, string, Readonly<Record<string, Allowance['kind']>>, readonly string[]]>([
    [
      'the sick, while any other is open',
      'sendgrid',
      { ses: 'any', postmark: 'probe', sendgrid: 'any' },
      ['sendgrid', 'ses'],
    ],
    [
      'the planned one too, when it is sick',
      'postmark',
      { ses: 'any', postmark: 'probe', sendgrid: 'any' },
      ['sendgrid', 'ses'],
    ],
    ['the paused', 'sendgrid', { ses: 'none', postmark: 'any', sendgrid: 'any' }, ['sendgrid', 'postmark']],
    [
      'those that drain, when others were planned',
      'ses',
      { ses: 'any', postmark: 'drain', sendgrid: 'any' },
      ['ses', 'sendgrid'],
    ],
  ])('leaves out %s, and says so', (_, planned, kinds, candidates) => {
    expect(orderEsps(planned, weights, allowed(kinds))).toEqual({ candidates, isAnyLeftOut: true });
  });

  it('keeps one that drains where it was planned for', () => {
    const { candidates, isAnyLeftOut } = orderEsps(
      'postmark',
      weights,
      allowed({ ses: 'any', postmark: 'drain', sendgrid: 'any' }),
    );
    expect([candidates, isAnyLeftOut]).toEqual([['postmark', 'sendgrid', 'ses'], false]);
  });

  it('tries the sick that answered their last probe when nobody is well, and else nobody', () => {
    const sick = allowed({ ses: 'probe', postmark: 'probe', sendgrid: 'probe' });
    expect(orderEsps('ses', weights, sick)).toEqual({ candidates: ['ses'], isAnyLeftOut: true });
    expect(probedOnly(Object.keys(weights), sick)).toEqual(Object.keys(weights));
    const answering = { ...sick, postmark: { kind: 'probe', isAnswering: true } } as const;
    expect(orderEsps('ses', weights, answering).candidates).toEqual(['postmark']);
    expect(probedOnly(Object.keys(weights), answering)).not.toContain('postmark');
  });

  it.each([
    ['all are sick', { ses: 'probe', postmark: 'none', sendgrid: 'probe' }, true],
    ['one is well', { ses: 'probe', postmark: 'share', sendgrid: 'probe' }, false],
    ['one only drains', { ses: 'probe', postmark: 'drain', sendgrid: 'none' }, false],
  ] as const)('knows whether nobody is left: %s', (_, kinds, expected) => {
    expect(isNobodyLeft(Object.keys(weights), allowed(kinds))).toBe(expected);
  });

  it('stays with the planned one when nobody is left', () => {
    const order = orderEsps('ses', { ses: 1_000 }, allowed({ ses: 'none', postmark: 'any' }));
    expect(order).toEqual({ candidates: ['ses'], isAnyLeftOut: true });
    const restricted = orderEsps('ses', { ses: 1_000 }, allowed({ ses: 'probe', postmark: 'any' }));
    expect(restricted).toEqual({ candidates: ['ses'], isAnyLeftOut: true });
  });

  it('begins a probe with the ESP that is tried, and goes on as if it had not', () => {
    const order = orderEsps('sendgrid', weights, allowed({ ses: 'any', postmark: 'probe', sendgrid: 'any' }));
    expect(asProbe(order, 'postmark')).toMatchObject({
      candidates: ['postmark', 'sendgrid', 'ses'],
      probed: 'postmark',
    });
    expect(asProbe(order, undefined)).toEqual(order);
  });
});

describe('The order of a message that was stored before', () => {
  const equal = { postmark: 400, sendgrid: 400, ses: 200 };
  const all = Object.keys(equal);

  it('is the planned one for its first attempt', () => {
    expect(orderStored({ attempt: 0, esp: 'ses' }, equal, all, {})?.candidates).toEqual([
      'ses',
      'postmark',
      'sendgrid',
    ]);
  });

  it('begins later with whoever did not have the last attempt, and ends with who did', () => {
    expect(orderStored({ attempt: 1, esp: 'postmark' }, equal, all, {})?.candidates).toEqual([
      'sendgrid',
      'ses',
      'postmark',
    ]);
  });

  it('knows only the ESPs that are configured', () => {
    expect(orderStored({ attempt: 0, esp: 'gone' }, { ...equal, gone: 0 }, all, {})?.candidates).toEqual([
      'postmark',
      'sendgrid',
      'ses',
    ]);
    expect(orderStored({ attempt: 2, esp: 'ses' }, { ses: 1_000 }, all, {})?.candidates).toEqual(['ses']);
    expect(orderStored({ attempt: 1, esp: 'gone' }, { gone: 1_000 }, all, {})).toBeUndefined();
  });
});

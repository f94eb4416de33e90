import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canProbe, pickProbes, type ProbeCandidate } from '../../../consumers/email-send/pick-probes.ts';

const message = (id: string, more: Partial<ProbeCandidate> = {}): ProbeCandidate => ({
  id,
  messageClass: 'transactional',
  policy: 'at-least-once',
  esps: null,
  isLater: false,
  ...more,
});
const esps = ['postmark', 'sendgrid', 'ses'];

describe('A probe', () => {
  it.each<[string, Partial<ProbeCandidate>]>([
    ['a one-time code', { messageClass: 'otp' }],
    ['a message that must not be sent twice', { policy: 'at-most-once' }],
    ['a message whose time has not come', { isLater: true }],
    ['a message that may not use the ESP', { esps: ['postmark', 'sendgrid'] }],
  ])('is never %s', (_, more) => {
    expect(pickProbes(['ses'], [message('a', more)])).toEqual(new Map());
    expect(canProbe([message('a', more)], 'ses')).toBe(false);
    expect(pickProbes(['ses'], [message('a', more), message('b')])).toEqual(new Map([['b', 'ses']]));
    expect(canProbe([message('a', more), message('b')], 'ses')).toBe(true);
  });

  it('is bulk mail before all other', () => {
    const messages = [message('a'), message('b', { messageClass: 'bulk' })];
    expect(pickProbes(['ses'], messages)).toEqual(new Map([['b', 'ses']]));
    expect(pickProbes(['postmark', 'ses'], messages)).toEqual(
      new Map([
        ['b', 'postmark'],
        ['a', 'ses'],
      ]),
    );
  });

  it('is one message for each ESP and one ESP for each message, as far as they go', () => {
    const messages = fc.uniqueArray(
      fc.record({
        id: fc.string({ minLength: 1, maxLength: 3 }),
        messageClass: fc.constantFrom('bulk' as const, 'otp' as const, 'transactional' as const),
        policy: fc.constantFrom('at-least-once' as const, 'at-most-once' as const),
        esps: fc.option(fc.subarray(esps)),
        isLater: fc.boolean(),
      }),
      { selector: ({ id }) => id, maxLength: 20 },
    );
    fc.assert(
      fc.property(messages, fc.subarray(esps), (all, sick) => {
        const probes = pickProbes(sick, all);
        expect(new Set(probes.values()).size).toBe(probes.size);
        for (const [id, esp] of probes) {
          const found = all.find((one) => one.id === id);
          expect(found).toMatchObject({ policy: 'at-least-once', isLater: false });
          expect(found?.messageClass).not.toBe('otp');
          expect(found?.esps ?? esps).toContain(esp);
          expect(sick).toContain(esp);
        }
        for (const esp of sick) expect(canProbe(all, esp)).toBe(pickProbes([esp], all).size === 1);
        if (sick.length === 1) expect(probes.size).toBe(canProbe(all, sick[0] ?? '') ? 1 : 0);
      }),
    );
  });

  it('is a one-time code only where none of the ESPs that it may use is well', () => {
    const code = message('code', { messageClass: 'otp', esps: ['ses', 'smtp'] });
    const sick = new Set(['ses', 'smtp']);
    const isNobodyLeft = (esps: readonly string[] | null) => esps !== null && esps.every((esp) => sick.has(esp));
    expect(pickProbes(['ses'], [code], isNobodyLeft)).toEqual(new Map([['code', 'ses']]));
    expect(pickProbes(['ses'], [message('code', { messageClass: 'otp' })], isNobodyLeft).size).toBe(0);
    sick.delete('smtp');
    expect(pickProbes(['ses'], [code], isNobodyLeft).size).toBe(0);
  });
});

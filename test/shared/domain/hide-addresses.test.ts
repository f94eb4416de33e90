import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hideAddresses, hideAddressesInJson } from '../../../shared/domain/hide-addresses.ts';

describe('Addresses in foreign texts', () => {
  it.each([
    ['550 5.1.1 <ann@example.org>: unknown user', '550 5.1.1 <[address]>: unknown user'],
    ["'To': Illegal email address 'a+b.c@sub.example.co.uk'.", "'To': Illegal email address [address]'."],
    ['inactive: ann@a.example, bob@b.example', 'inactive: [address], [address]'],
    ['no such user "ann smith"@example.org here', 'no such user [address] here'],
    ['änn@münchen.de and ann@xn--mnchen-3ya.de', '[address] and [address]'],
    ['ann@[127.0.0.1] ann@[IPv6:::1] ann@localhost', '[address] [address] [address]'],
    ['see https://esp.example/s?email=ann%40example.org', 'see https:[address]'],
  ])('are hidden: %s', (text, expected) => {
    expect(hideAddresses(text)).toBe(expected);
    expect(JSON.parse(hideAddressesInJson(JSON.stringify({ text })))).toEqual({ text: expected });
  });

  it.each(['pino@10.4.0 failed', 'the status is 550 5.7.1 (HTTP 401)', 'arn:aws:sns:us-east-1:1:topic', 'a @ b'])(
    'are not taken out of %s',
    (text) => {
      expect(hideAddresses(text)).toBe(text);
      expect(hideAddressesInJson(JSON.stringify({ text }))).toBe(JSON.stringify({ text }));
    },
  );

  it('are hidden in JSON, which stays JSON whatever stands around them', () => {
    const around = fc.string({
      unit: fc.constantFrom('\n', '\\', '"', '\u0001', 'é', 'a', 'u', '0', '@', ' ', '{', '😀'),
    });
    fc.assert(
      fc.property(around, around, (before, after) => {
        const hidden = hideAddressesInJson(JSON.stringify({ [before]: `${before}ann@example.org ${after}`, after }));
        expect(Object.keys(JSON.parse(hidden) as object).length).toBeGreaterThan(0);
        expect(hidden).not.toContain('ann@example');
      }),
      { numRuns: 1_000 },
    );
    const quoted = hideAddressesInJson(JSON.stringify({ detail: 'to "ann smith"@example.org: no', to: '@b' }));
    expect(JSON.parse(quoted)).toEqual({ detail: 'to [address]: no', to: '@b' });
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { normaliseDomain } from '../../../shared/domain/domain-name.ts';

const label63 = 'a'.repeat(63);
const of253 = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`;

describe('A domain name', () => {
  it.each([
    ['example.org', 'example.org'],
    ['EXAMPLE.Org', 'example.org'],
    ['example.org.', 'example.org'],
    ['EXAMPLE.ORG.', 'example.org'],
    ['münchen.de', 'xn--mnchen-3ya.de'],
    ['MÜNCHEN.de', 'xn--mnchen-3ya.de'],
    ['mu\u0308nchen.de', 'xn--mnchen-3ya.de'],
    ['xn--mnchen-3ya.de', 'xn--mnchen-3ya.de'],
    ['XN--MNCHEN-3YA.de', 'xn--mnchen-3ya.de'],
    ['日本。jp', 'xn--wgv71a.jp'],
    ['_dmarc.example.org', '_dmarc.example.org'],
    ['localhost', 'localhost'],
    ['1.example', '1.example'],
    [of253, of253],
    [`${of253}.`, of253],
  ])('%s is %s', (text, expected) => {
    expect(normaliseDomain(text)).toBe(expected);
  });

  it.each([
    ['nothing', ''],
    ['a dot', '.'],
    ['two dots at the end', 'example.org..'],
    ['an empty label', 'a..b'],
    ['a leading dot', '.example.org'],
    ['254 octets', `${of253}a`],
    ['a label of 64', `${label63}a.org`],
    ['254 octets once in punycode', `${'ü.'.repeat(40)}de`],
    ['a leading hyphen', '-a.org'],
    ['a trailing hyphen', 'a-.org'],
    ['a space', 'a b.org'],
    ['a line break', 'a\n.org'],
    ['an address literal', '[127.0.0.1]'],
    ['an IPv6 literal', '[::1]'],
    ['an address', 'ann@example.org'],
    ['a huge text', 'ä'.repeat(100_000)],
  ])('with %s is none', (_, text) => {
    expect(normaliseDomain(text)).toBeUndefined();
  });

  it.each([
    'good.org/evil.org',
    'good.org?x',
    'good.org#x',
    'good.org\\x',
    'good.org:25',
    'ex%61mple.org',
    'É.org/x',
    'É\t.org',
  ])('%s is none: it is never read as a part of a URL', (text) => {
    expect(normaliseDomain(text)).toBeUndefined();
  });

  it('is never read as a number', () => {
    expect(normaliseDomain('0X7F.1')).toBe('0x7f.1');
  });

  it('has one form, which is its own', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.string({ unit: 'grapheme', maxLength: 40 })), (text) => {
        const normal = normaliseDomain(text);
        if (normal === undefined) return;
        expect(normaliseDomain(normal)).toBe(normal);
        expect(normaliseDomain(`${normal}.`)).toBe(normal);
        expect(normaliseDomain(normal.toUpperCase())).toBe(normal);
        expect(normal).toMatch(/^[a-z0-9._-]{1,253}$/);
      }),
      { numRuns: 500 },
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAddress } from '../../../shared/domain/email-address.ts';

const octets254 = (extra = ''): string => {
  const local = 'l'.repeat(64);
  const domain = `${`${'d'.repeat(60)}.`.repeat(3)}${'d'.repeat(254 - 64 - 1 - 183)}`;
  return `${local}@${domain}${extra}`;
};

describe('An address', () => {
  it.each([
    ['bare', 'ann@example.org', { email: 'ann@example.org', domain: 'example.org' }],
    ['with a name', 'Ann B <ann@example.org>', { email: 'ann@example.org', domain: 'example.org', name: 'Ann B' }],
    [
      'with a quoted name',
      '"B, Ann" <ann@example.org>',
      { email: 'ann@example.org', domain: 'example.org', name: 'B, Ann' },
    ],
    ['in angle brackets alone', '<ann@example.org>', { email: 'ann@example.org', domain: 'example.org' }],
    ['with an upper-case domain', 'Ann@EXAMPLE.Org', { email: 'Ann@example.org', domain: 'example.org' }],
    ['at an IDN', 'ann@münchen.de', { email: 'ann@xn--mnchen-3ya.de', domain: 'xn--mnchen-3ya.de' }],
    [
      'with a name and at an IDN',
      'Änn <ann@münchen.de>',
      { email: 'ann@xn--mnchen-3ya.de', domain: 'xn--mnchen-3ya.de', name: 'Änn' },
    ],
    [
      'with a comment behind it',
      'ann@example.org (Ann)',
      { email: 'ann@example.org', domain: 'example.org', name: 'Ann' },
    ],
    ['with spaces around it', ' ann@example.org ', { email: 'ann@example.org', domain: 'example.org' }],
    ['with a trailing dot', 'ann@example.org.', { email: 'ann@example.org', domain: 'example.org' }],
    ['with a non-ASCII local part', 'ännchen@example.org', { email: 'ännchen@example.org', domain: 'example.org' }],
    ['with a quoted local part', '"a b"@example.org', { email: '"a b"@example.org', domain: 'example.org' }],
    ['with a plus', 'a+b@example.org', { email: 'a+b@example.org', domain: 'example.org' }],
    [
      'with every odd character that is allowed',
      "!#$%&'*+-/=?^_`{|}~@example.org",
      { email: "!#$%&'*+-/=?^_`{|}~@example.org", domain: 'example.org' },
    ],
    [
      'that its name mimics another',
      '"ceo@bank.example" <ann@example.org>',
      { email: 'ann@example.org', domain: 'example.org', name: 'ceo@bank.example' },
    ],
  ])('%s is understood', (_, text, expected) => {
    expect(parseAddress(text)).toEqual(expected);
  });

  it('may have 254 octets and no more', () => {
    expect(Buffer.byteLength(octets254())).toBe(254);
    expect(parseAddress(octets254())?.email).toBe(octets254());
    expect(parseAddress(octets254('d'))).toBeUndefined();
  });

  it('may have 64 octets before the @ and no more, counted as UTF-8', () => {
    expect(parseAddress(`${'a'.repeat(64)}@example.org`)).toBeDefined();
    expect(parseAddress(`${'a'.repeat(65)}@example.org`)).toBeUndefined();
    expect(parseAddress(`${'ä'.repeat(32)}@example.org`)).toBeDefined();
    expect(parseAddress(`${'ä'.repeat(33)}@example.org`)).toBeUndefined();
  });

  it.each([
    ['empty', ''],
    ['no @', 'ann'],
    ['no local part', '@example.org'],
    ['no domain', 'ann@'],
    ['no dot in the domain', 'ann@localhost'],
    ['two', 'ann@example.org, bob@example.org'],
    ['two by semicolon', 'ann@example.org; bob@example.org'],
    ['an address literal', 'a@[127.0.0.1]'],
    ['an IPv6 literal', 'a@[IPv6:::1]'],
    ['two @', 'a@b@example.org'],
    ['a leading dot', '.a@example.org'],
    ['a trailing dot before the @', 'a.@example.org'],
    ['two dots in a row', 'a..b@example.org'],
    ['a space', 'a b@example.org'],
    ['a line break in the local part', 'a\r\nBcc: b@example.org'],
    ['a NUL', 'a\u0000@example.org'],
    ['a URL behind the domain', 'a@example.org/x'],
    ['a comma list in the domain', 'a@example.org,evil.org'],
    ['a name but no angle brackets, which would go to somebody else', 'john doe@example.org'],
    ['an open angle bracket', 'Ann <ann@example.org'],
    ['two in angle brackets', 'Ann <ann@example.org> <bob@example.org>'],
    ['a group', 'Friends: ann@example.org;'],
    ['an open quote', '"a@example.org'],
  ])('is none with %s', (_, text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('comes out of nested comments as exactly one address or none', () => {
    for (const text of [
      'ann@example.org (a (b) c)',
      '(x) ann@example.org',
      'Ann (was: Bob <bob@example.org>) <ann@example.org>',
    ]) {
      const found = parseAddress(text);
      if (found !== undefined) expect(found.email).toBe('ann@example.org');
    }
  });

  it('is its own normal form: what came out is understood the same way again', () => {
    fc.assert(
      fc.property(fc.emailAddress({ size: 'medium' }), (text) => {
        const parsed = parseAddress(text);
        if (parsed === undefined) return;
        expect(parseAddress(parsed.email)).toEqual(parsed);
      }),
    );
  });

  it('never lets a control character through, whatever text it comes from', () => {
    const mixed = fc
      .array(
        fc.constantFrom(
          'a',
          '@',
          '.',
          'b.c',
          '<',
          '>',
          '"',
          '(',
          ')',
          ',',
          ' ',
          '\r',
          '\n',
          '\t',
          '\u0000',
          'é',
          ';',
          ':',
          '\\',
        ),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(mixed, (text) => {
        expect(parseAddress(text)?.email ?? '').not.toMatch(/[\p{Cc}]/u);
      }),
      { numRuns: 2_000 },
    );
  });
});

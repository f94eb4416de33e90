import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { headerText, moment, storableText } from '../../../shared/contracts/text.ts';

const takes = (schema: { safeParse: (value: unknown) => { success: boolean } }, value: unknown): boolean =>
  schema.safeParse(value).success;

describe('Text that is kept', () => {
  it.each([
    ['plain', 'Hi', true],
    ['nothing', '', true],
    ['line breaks', 'a\r\nb', true],
    ['an emoji, which is a pair of surrogates', '\u{1f600}', true],
    ['NUL, which Postgres refuses', 'a\u0000b', false],
    ['a lone high surrogate, which has no UTF-8 form', 'a\ud800', false],
    ['a lone low surrogate', '\udc00a', false],
    ['too much', 'a'.repeat(101), false],
    ['as much as may be', 'a'.repeat(100), true],
    ['as many characters beyond the first plane, each two units long', '\u{1f600}'.repeat(100), true],
    ['one of them more', '\u{1f600}'.repeat(101), false],
  ])('with %s', (_, text, isTaken) => {
    expect(takes(storableText(100), text)).toBe(isTaken);
  });

  it('has a UTF-8 form that leads back to it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        if (takes(storableText(1_000), text)) expect(Buffer.from(text, 'utf8').toString('utf8')).toBe(text);
      }),
    );
  });
});

describe('Text for a header', () => {
  it.each([
    ['one line', 'Hello', true],
    ['CRLF', 'a\r\nBcc: b@example.org', false],
    ['a bare LF', 'a\nb', false],
    ['a bare CR', 'a\rb', false],
    ['a line break at its end', 'a\n', false],
    ['NUL', 'a\u0000', false],
  ])('with %s', (_, text, isTaken) => {
    expect(takes(headerText(100), text)).toBe(isTaken);
  });
});

describe('A moment', () => {
  it.each([
    ['2027-01-01T09:00:00Z', true],
    ['2027-01-01T09:00:00.123+02:00', true],
    ['1970-01-01T00:00:00Z', true],
    ['9999-12-31T23:59:59Z', true],
    ['0000-01-01T00:00:00Z', false],
    ['0001-01-01T00:00:00+05:00', false],
    ['1969-12-31T23:59:59Z', false],
    ['9999-12-31T23:59:59-05:00', false],
    ['99999-01-01T00:00:00Z', false],
    ['2027-02-30T00:00:00Z', false],
    ['2027-01-01', false],
    ['2027-01-01T09:00:00', false],
    ['tomorrow', false],
  ])('%s', (text, isTaken) => {
    expect(takes(moment, text)).toBe(isTaken);
  });
});

import { describe, expect, it } from '@jest/globals';
import { maySendFrom, normaliseSenderDomain, senderFault } from '../../../shared/domain/sender-domain.ts';

describe('An entry of the list', () => {
  it.each([
    ['*', '*'],
    ['Acme.Example', 'acme.example'],
    ['acme.example.', 'acme.example'],
    ['*.ACME.example', '*.acme.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*.bücher.example', '*.xn--bcher-kva.example'],
  ])('%s is kept as %s', (text, kept) => {
    expect(normaliseSenderDomain(text)).toBe(kept);
  });

  it.each([
    '',
    '*.',
    '**',
    '*.*',
    '*acme.example',
    'a.*.example',
    'example',
    '*.example',
    'a b.example',
    'x@acme.example',
    '.',
  ])('%j is none', (text) => {
    expect(normaliseSenderDomain(text)).toBeUndefined();
  });
});

describe('An account', () => {
  it.each<[readonly string[], string, boolean]>([
    [['acme.example'], 'acme.example', true],
    [['acme.example'], 'mail.acme.example', false],
    [['acme.example'], 'evilacme.example', false],
    [['acme.example'], 'acme.example.evil.org', false],
    [['*.acme.example'], 'mail.acme.example', true],
    [['*.acme.example'], 'a.b.acme.example', true],
    [['*.acme.example'], 'acme.example', false],
    [['*.acme.example'], 'evilacme.example', false],
    [['other.example', 'acme.example'], 'acme.example', true],
    [['*'], 'anything.org', true],
    [[], 'acme.example', false],
  ])('with %j sends from %s: %s', (list, domain, may) => {
    expect(maySendFrom(list, domain)).toBe(may);
    expect(senderFault(list, domain)?.code).toBe(may ? undefined : 'sender-domain');
  });

  it('that does not exist sends from nowhere', () => {
    expect(senderFault(undefined, 'acme.example')?.code).toBe('unknown-account');
    expect(senderFault(undefined, undefined)?.code).toBe('unknown-account');
  });

  it('is not blamed for an address that is none: others tell of that', () => {
    expect(senderFault([], undefined)).toBeUndefined();
  });
});

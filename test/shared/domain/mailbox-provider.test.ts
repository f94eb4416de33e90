import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mailboxProviderOf, mailboxProviders } from '../../../shared/domain/mailbox-provider.ts';

it.each([
  ['gmail.com', 'gmail'],
  ['googlemail.com', 'gmail'],
  ['outlook.com', 'outlook'],
  ['outlook.com.br', 'outlook'],
  ['hotmail.fr', 'outlook'],
  ['hotmail.co.uk', 'outlook'],
  ['live.nl', 'outlook'],
  ['msn.com', 'outlook'],
  ['yahoo.co.uk', 'yahoo'],
  ['yahoo.de', 'yahoo'],
  ['aol.com', 'yahoo'],
  ['icloud.com', 'icloud'],
  ['me.com', 'icloud'],
  ['mac.com', 'icloud'],
  ['gmail.de', 'other'],
  ['mail.yahoo.com', 'other'],
  ['yahoo.example', 'other'],
  ['yahoo.example.com', 'other'],
  ['notgmail.com', 'other'],
  ['outlook', 'other'],
  ['', 'other'],
] as const)('%s has its mailboxes at %s', (domain, provider) => {
  expect(mailboxProviderOf(domain)).toBe(provider);
});

it('is not misled by names that every object has', () => {
  for (const name of ['constructor', 'valueof', 'tostring', '__proto__', 'hasownproperty', 'toString', 'valueOf']) {
    expect(mailboxProviderOf(name)).toBe('other');
    expect(mailboxProviderOf(`${name}.com`)).toBe('other');
  }
});

it('answers one of the list for any text', () => {
  fc.assert(
    fc.property(fc.oneof(fc.domain(), fc.string()), (domain) => {
      expect(mailboxProviders).toContain(mailboxProviderOf(domain));
    }),
  );
});

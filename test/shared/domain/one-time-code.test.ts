import { randomBytes, randomInt } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { codeMail, wholeMinutes } from '../../../shared/domain/code-mail.ts';
import { deriveKey } from '../../../shared/domain/derived-key.ts';
import { fleetSender } from '../../../shared/domain/fleet-sender.ts';
import { attemptCap, codeMac, isSameCode, mailboxOf, newCode } from '../../../shared/domain/one-time-code.ts';
import { openValue, sealValue } from '../../../shared/domain/sealed-value.ts';

describe('A one-time code', () => {
  test('has so many digits, each as likely as the others at every place', () => {
    const counts = Array.from({ length: 6 }, () => Array.from({ length: 10 }, () => 0));
    const codes = 100_000;
    for (let n = 0; n < codes; n += 1) {
      const code = newCode(6, randomInt);
      expect(code).toHaveLength(6);
      for (let place = 0; place < 6; place += 1) {
        const row = counts[place];
        const digit = Number(code[place]);
        if (row !== undefined) row[digit] = (row[digit] ?? 0) + 1;
      }
    }
    for (const row of counts) {
      const chiSquare = row.reduce((sum, seen) => sum + (seen - codes / 10) ** 2 / (codes / 10), 0);
      // 27.88 is p = 0.001 for nine degrees of freedom; six places with p > 0.00001 each fail once in sixteen thousand runs.
      expect(chiSquare).toBeLessThan(38.3);
    }
  });

  test.each([
    [4, 3],
    [5, 3],
    [6, 5],
    [8, 5],
  ])('of %i digits stands %i guesses', (length, cap) => {
    expect(attemptCap(length)).toBe(cap);
  });

  test('is known by a MAC that is bound to its id, address and purpose', () => {
    const pepper = randomBytes(32);
    const owner = { id: 'otp_1', email: 'ann@example.org', purpose: '' };
    const mac = codeMac(pepper, owner, '123456');
    expect(isSameCode(mac, codeMac(pepper, owner, '123456'))).toBe(true);
    for (const other of [
      codeMac(pepper, owner, '123457'),
      codeMac(randomBytes(32), owner, '123456'),
      codeMac(pepper, { ...owner, id: 'otp_2' }, '123456'),
      codeMac(pepper, { ...owner, email: 'ben@example.org' }, '123456'),
      codeMac(pepper, { ...owner, purpose: 'login' }, '123456'),
      Buffer.alloc(0),
    ])
      expect(isSameCode(mac, other)).toBe(false);
  });
});

describe('A mailbox', () => {
  test.each([
    ['Ann@Example.ORG', 'ann@example.org', 'ann@example.org'],
    ['ann+shop@example.org', 'ann+shop@example.org', 'ann@example.org'],
    ['+ann@example.org', '+ann@example.org', '+ann@example.org'],
    ['"a+b"@example.org', '"a+b"@example.org', '"a+b"@example.org'],
  ])('%s is read as %s and counted as %s', (text, email, mailbox) => {
    expect(mailboxOf(text)).toMatchObject({ email, mailbox });
  });

  test('is none where there is no address', () => {
    expect(mailboxOf('no address')).toBeUndefined();
  });
});

describe('A sealed value', () => {
  const key = randomBytes(32);
  const sealed = sealValue(key, 'message-1', '123456', randomBytes(12));

  test('opens for its place and says nothing of what it holds', () => {
    expect(openValue(key, 'message-1', sealed)).toBe('123456');
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('123456');
  });

  test.each([
    ['with another key', randomBytes(32), 'message-1', sealed],
    ['for another message', key, 'message-2', sealed],
    ['when one byte was changed', key, 'message-1', `${sealed.slice(0, -2)}${sealed.endsWith('A') ? 'BB' : 'AA'}`],
    ['when it is no sealed value at all', key, 'message-1', 'abc'],
  ])('does not open %s', (_, other, place, text) => {
    expect(() => openValue(other, place, text)).toThrow('was not sealed by this fleet');
  });
});

test('a derived key is the same for the same secret and purpose, and for no other', () => {
  const key = deriveKey('s'.repeat(32), 'seal');
  expect(key).toHaveLength(32);
  expect(deriveKey('s'.repeat(32), 'seal')).toEqual(key);
  expect(deriveKey('s'.repeat(32), 'links')).not.toEqual(key);
  expect(deriveKey('t'.repeat(32), 'seal')).not.toEqual(key);
});

describe("A code's mail", () => {
  test.each([
    [undefined, 'Your verification code'],
    ['de-AT', 'Ihr Bestätigungscode'],
    ['fr', 'Votre code de vérification'],
    ['ES', 'Su código de verificación'],
    ['tlh', 'Your verification code'],
  ])('in %s is called %s', (language, subject) => {
    const mail = codeMail(language);
    expect(mail.subject).toBe(subject);
    for (const text of [mail.text, mail.html]) expect(text).toMatch(/\{\{ code \}\}.*\{\{ minutes \}\}/s);
    // Subjects stand in lists and notifications that others can read.
    expect(mail.subject).not.toContain('code }}');
  });

  test.each([
    [300, 5],
    [20, 1],
    [121, 3],
  ])('says %i seconds as %i minutes', (seconds, minutes) => {
    expect(wholeMinutes(seconds)).toBe(minutes);
  });
});

describe("The fleet's own sender", () => {
  test.each([
    [['*'], 'Acme <a@acme.example>', 'Acme <a@acme.example>'],
    [['shop.example'], 'Acme <a@acme.example>', 'no-reply@shop.example'],
    [['*.shop.example'], undefined, 'no-reply@shop.example'],
    [['acme.example'], 'a@acme.example', 'a@acme.example'],
    [['*'], undefined, undefined],
    [[], 'a@acme.example', undefined],
  ])('for domains %j with MAIL_FROM %s is %s', (domains, mailFrom, sender) => {
    expect(fleetSender(domains, mailFrom)).toBe(sender);
  });
});

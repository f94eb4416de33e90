import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deriveKey } from '../../../shared/domain/derived-key.ts';
import {
  linkMaker,
  makeUnsubscribeToken,
  readUnsubscribeToken,
  unsubscribeKey,
} from '../../../shared/domain/unsubscribe-link.ts';

const key = unsubscribeKey('a secret of this test, with 32 bytes');
const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength }).filter((value) => value.isWellFormed());
const claims = fc.record({
  accountId: text(60),
  email: text(60),
  list: text(60),
  messageId: fc.uuid(),
});

describe('A link to unsubscribe', () => {
  it('proves what it was made of', () => {
    fc.assert(
      fc.property(claims, (claim) => {
        expect(readUnsubscribeToken(key, makeUnsubscribeToken(key, claim))).toEqual(claim);
      }),
    );
  });

  it('proves nothing once a bit of it was changed, or another secret signed it', () => {
    fc.assert(
      fc.property(claims, fc.nat(), (claim, at) => {
        const token = makeUnsubscribeToken(key, claim);
        const bytes = Buffer.from(token, 'base64url');
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << (at % 8));
        expect(readUnsubscribeToken(key, bytes.toString('base64url'))).toBeUndefined();
        expect(readUnsubscribeToken(unsubscribeKey('another'), token)).toBeUndefined();
        expect(readUnsubscribeToken(key, `${token}=`)).toBeUndefined();
        expect(readUnsubscribeToken(key, token.slice(0, at % token.length))).toBeUndefined();
      }),
    );
  });

  it('fits a header line with the longest address and list', () => {
    const claim = {
      ...{ accountId: 'a'.repeat(63), email: 'e'.repeat(254), list: '\u{10ffff}'.repeat(64) },
      messageId: '01890a5d-0000-7000-8000-000000000000',
    };
    expect(`<${linkMaker(key, `https://${'d'.repeat(100)}.example/`)(claim)}>`.length).toBeLessThan(960);
  });
});

describe('A derived key', () => {
  it('is the same for the same purpose, and another for another', () => {
    expect(deriveKey('s', 'a')).toEqual(deriveKey('s', 'a'));
    expect(deriveKey('s', 'a')).not.toEqual(deriveKey('s', 'b'));
    expect(deriveKey('s', 'a')).not.toEqual(deriveKey('t', 'a'));
    expect(deriveKey('s', 'a')).toHaveLength(32);
  });
});

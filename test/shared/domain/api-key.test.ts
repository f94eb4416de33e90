import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { hashKey, makeKey, prefixOf } from '../../../shared/domain/api-key.ts';

describe('A key', () => {
  it('is mf_, a short part to tell it by, and 256 random bits', () => {
    const made = makeKey(randomBytes);
    expect(made.key).toMatch(/^mf_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/);
    expect(made.key.startsWith(`${made.prefix}_`)).toBe(true);
    expect(made.secretHash).toEqual(hashKey(made.key));
    expect(made.secretHash).toHaveLength(32);
  });

  it('never comes twice', () => {
    const keys = Array.from({ length: 1_000 }, () => makeKey(randomBytes).key);
    expect(new Set(keys).size).toBe(1_000);
  });

  it('is the same for the same random bytes, whatever they are', () => {
    for (const byte of [0, 255]) {
      const bytes = (count: number) => Buffer.alloc(count, byte);
      expect(makeKey(bytes)).toEqual(makeKey(bytes));
      expect(prefixOf(makeKey(bytes).key)).toBe(makeKey(bytes).prefix);
    }
  });

  it('is told from other text by its form alone, underscores in the secret or not', () => {
    const secret = 'A_-'.padEnd(43, '_');
    expect(prefixOf(`mf_abcd0123_${secret}`)).toBe('mf_abcd0123');
    for (const text of [
      '',
      'mf_',
      secret,
      `mf_abcd0123_${secret.slice(1)}`,
      `mf_abcd0123_${secret}x`,
      `mf_abcd012_${secret}`,
      `mf_ABCD0123_${secret}`,
      `MF_abcd0123_${secret}`,
      `mf_abcd0123_${secret.slice(1)}+`,
      ` mf_abcd0123_${secret}`,
      `mf_abcd0123_${secret}\n`,
    ]) {
      expect(prefixOf(text)).toBeUndefined();
    }
  });
});

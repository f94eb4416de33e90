import { expect, it } from '@jest/globals';
import { createVerdictCache } from '../../../producers/ingress/verdict-cache.ts';
import type { DomainVerdict } from '../../../shared/contracts/verdict.ts';

/** A Postgres that answers when it is told to. */
const slowPostgres = () => {
  const asked: { readonly domain: string; readonly answer: (verdict: DomainVerdict) => void }[] = [];
  const load = (domain: string): Promise<DomainVerdict> =>
    new Promise((resolve) => {
      asked.push({ domain, answer: resolve });
    });
  return { asked, load };
};
const open = (load: (domain: string) => Promise<DomainVerdict>, isOn = true) => {
  const cache = createVerdictCache({ load, isOn, ttlMs: 60_000, onLookUp: () => undefined });
  cache.listening(true);
  return cache;
};

it('asks once for those who ask at once, and keeps the answer', async () => {
  const { asked, load } = slowPostgres();
  const cache = open(load);
  const both = [cache.verdictOf('a'), cache.verdictOf('a')];
  asked[0]?.answer('catch-all');
  expect(await Promise.all(both)).toEqual(['catch-all', 'catch-all']);
  expect(await cache.verdictOf('a')).toBe('catch-all');
  expect(asked).toHaveLength(1);
});

it.each([
  ['its own name', 'b\na'],
  ['any name', ''],
  ['a lost connection', undefined],
])('does not keep what it asked for before a notice of %s came', async (_, notice) => {
  const { asked, load } = slowPostgres();
  const cache = open(load);
  const before = cache.verdictOf('a');
  cache.forget(notice);
  const after = cache.verdictOf('a');
  asked[1]?.answer('not-catch-all');
  asked[0]?.answer('catch-all');
  expect([await before, await after]).toEqual(['catch-all', 'not-catch-all']);
  expect(await cache.verdictOf('a')).toBe('not-catch-all');
});

it('keeps others when it hears of one', async () => {
  const { asked, load } = slowPostgres();
  const cache = open(load);
  const both = [cache.verdictOf('a'), cache.verdictOf('b')];
  for (const { answer } of asked) answer('unknown');
  await Promise.all(both);
  cache.forget('a');
  await cache.verdictOf('b');
  expect(asked).toHaveLength(2);
});

it('keeps nothing while it hears nothing, or is off', async () => {
  for (const isOn of [true, false]) {
    let asked = 0;
    const cache = createVerdictCache({
      load: () => Promise.resolve((asked += 1) > 0 ? 'unknown' : 'catch-all'),
      ...{ isOn, ttlMs: 60_000, onLookUp: () => undefined },
    });
    if (!isOn) cache.listening(true);
    await cache.verdictOf('a');
    await cache.verdictOf('a');
    expect(asked).toBe(2);
  }
});

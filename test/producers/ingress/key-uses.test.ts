import { afterEach, expect, it } from '@jest/globals';
import { createKeyUses, type KeyUses } from '../../../producers/ingress/key-uses.ts';
import { InfrastructureError } from '../../../shared/errors.ts';

type Written = readonly { readonly keyId: string; readonly agoMs: number }[];
let uses: KeyUses | undefined;
afterEach(() => uses?.close());

it('Uses are written together, the last of each key, with their age', async () => {
  const written: Written[] = [];
  let now = 1_000;
  uses = createKeyUses(
    (batch) => {
      written.push(batch);
      return Promise.resolve();
    },
    () => now,
  );
  uses.note('a');
  uses.note('b');
  now = 3_000;
  uses.note('a');
  now = 4_000;
  await uses.flush();
  expect(written).toEqual([
    [
      { keyId: 'a', agoMs: 1_000 },
      { keyId: 'b', agoMs: 3_000 },
    ],
  ]);
  await uses.flush();
  expect(written[1]).toEqual([]);
});

it('While Postgres is away they are kept, and newer ones win', async () => {
  const written: Written[] = [];
  let isAway = true;
  let now = 0;
  uses = createKeyUses(
    (batch) => {
      if (isAway) return Promise.reject(new InfrastructureError('postgres-away', 'gone'));
      written.push(batch);
      return Promise.resolve();
    },
    () => now,
  );
  uses.note('a');
  uses.note('b');
  await uses.flush();
  now = 500;
  uses.note('b');
  isAway = false;
  await uses.close();
  expect(written[0]).toEqual([
    { keyId: 'a', agoMs: 500 },
    { keyId: 'b', agoMs: 0 },
  ]);
});

import { describe, expect, it } from '@jest/globals';
import {
  accountOfPayload,
  erasedAddress,
  eraseFromData,
  eraseFromPayload,
} from '../../../shared/domain/erase-from-payload.ts';

const ann = 'ann.o@example.org';
const erase = (payload: unknown, email = ann) => {
  const bytes = Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const erased = eraseFromPayload(bytes, email);
  return erased.kind === 'changed' ? erased.payload.toString() : erased.kind;
};

describe('The payload of a dead letter', () => {
  it('loses the recipient of a request and keeps the others', () => {
    const request = {
      from: 'news@acme.example',
      recipients: [{ email: ann }, { email: 'Ann <ANN.O@Example.org>' }, { email: 'ben@example.org', cc: [ann] }],
    };
    expect(JSON.parse(erase(request))).toEqual({
      from: 'news@acme.example',
      recipients: [{ email: 'ben@example.org', cc: [erasedAddress] }],
    });
  });

  it('nested ten thousand levels deep loses it as text does', () => {
    const nested = `${'['.repeat(10_000)}"${ann}"${']'.repeat(10_000)}`;
    expect(erase(nested)).toBe(nested.replace(ann, erasedAddress));
  });

  it('is given up when it was for that recipient alone', () => {
    expect(erase({ from: 'news@acme.example', recipients: [{ email: ann }] })).toBe('empty');
  });

  it.each([
    [`to=${encodeURIComponent(ann)}&x=1`, `to=${erasedAddress}&x=1`],
    ['{"to":"ann.o\\u0040example.org"', `{"to":"${erasedAddress}"`],
    [
      `half a json {"to":"<${ann}>", and again ANN.O@EXAMPLE.ORG`,
      `half a json {"to":"<${erasedAddress}>", and again ${erasedAddress}`,
    ],
    [
      `[{"email":"${ann}","event":"bounce"},{"email":"ben@example.org"}]`,
      `[{"email":"${erasedAddress}","event":"bounce"},{"email":"ben@example.org"}]`,
    ],
  ])('loses every other mention: %s', (payload, left) => {
    expect(erase(payload)).toBe(left);
  });

  it.each([
    'joann.o@example.org',
    'x.ann.o@example.org',
    'annxo@example.org',
    'ann.o@example.org.uk',
    'ann.o@example.organic',
    'ann.o at example.org',
  ])('keeps %s, which is another address', (other) => {
    expect(erase({ recipients: [{ email: other }] })).toBe('untouched');
  });

  it('that is no text is given up if it holds the address', () => {
    expect(erase(Buffer.concat([Buffer.from([255, 0]), Buffer.from(ann)]))).toBe('empty');
    expect(erase(Buffer.from([255, 0]))).toBe('untouched');
  });

  it('is searched by the address as text, whatever signs it has', () => {
    expect(erase('mail a+b(c)@example.org', 'a+b@example.org')).toBe('untouched');
    expect(erase('mail <a+b@example.org>', 'a+b@example.org')).toBe(`mail <${erasedAddress}>`);
  });

  it('says whose it is, if it does', () => {
    expect(accountOfPayload(Buffer.from('{"accountId":"acme"}'))).toBe('acme');
    expect(['{"accountId":7}', '[]', 'null', 'x'].map((text) => accountOfPayload(Buffer.from(text)))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

it('takes an address out of what another recipient brings', () => {
  expect(
    eraseFromData({ cc: ['Ann <ann.o@example.org>', 'c@x.example'], substitutions: { by: `from ${ann}` } }, ann),
  ).toEqual({
    cc: ['c@x.example'],
    substitutions: { by: `from ${erasedAddress}` },
  });
  expect(eraseFromData({ cc: ['c@x.example'] }, ann)).toBeUndefined();
  expect(eraseFromData(null, ann)).toBeUndefined();
});

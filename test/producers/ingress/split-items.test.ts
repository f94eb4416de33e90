import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createItemSplitter } from '../../../producers/ingress/split-items.ts';

const split = (bytes: Buffer, cuts: readonly number[] = []) => {
  const items: [number, string][] = [];
  const faults: [number, string][] = [];
  const splitter = createItemSplitter({
    onItem: (text, number) => items.push([number, text]),
    onFault: (sentence, number) => faults.push([number, sentence]),
  });
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const place of [...places, bytes.length]) {
    splitter.push(bytes.subarray(from, place));
    from = place;
  }
  splitter.end();
  return { items, faults };
};

describe('A list of JSON values', () => {
  const values = fc.array(
    fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.record({ domain: fc.string({ unit: 'binary' }), count: fc.nat() })),
    { maxLength: 12 },
  );
  const cuts = fc.array(fc.nat(5_000), { maxLength: 30 });

  it('comes out as it went in, as lines and as an array, wherever it is cut', () => {
    fc.assert(
      fc.property(values, cuts, fc.constantFrom('\n', '\r\n', '\n\n'), (given, at, end) => {
        const texts = given.map((value) => JSON.stringify(value));
        // What begins with a bracket is an array: lines are objects.
        const lines = texts.map((text) => `{"v":${text}}`);
        const asLines = split(Buffer.from(lines.map((line) => line + end).join('')), at);
        expect(asLines.faults).toEqual([]);
        expect(asLines.items.map(([, text]) => JSON.parse(text) as unknown)).toEqual(
          given.map((v) => ({ v: JSON.parse(JSON.stringify(v)) as unknown })),
        );
        const asArray = split(Buffer.from(JSON.stringify(given, null, 1)), at);
        expect(asArray.faults).toEqual([]);
        expect(asArray.items.map(([, text]) => JSON.parse(text) as unknown)).toEqual(JSON.parse(JSON.stringify(given)));
        expect(asArray.items.map(([number]) => number)).toEqual(given.map((_, index) => index + 1));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['[1', 'has no end'],
    ['[1,]', 'a comma too many'],
    ['[,1]', 'a comma too many'],
    ['[,]', 'a comma too many'],
    ['[1] 2', 'behind the end'],
    [`[${'1'.repeat(20_000)}]`, 'longer than'],
    [`${'1'.repeat(20_000)}\n1`, 'longer than'],
  ])('%# is told to be broken', (text, sentence) => {
    expect(
      split(Buffer.from(text), [3])
        .faults.map(([, fault]) => fault)
        .join(),
    ).toContain(sentence);
  });

  it('counts blank lines, and takes a byte order mark for nothing', () => {
    expect(split(Buffer.from('\ufeff\n\n1\n\n2')).items).toEqual([
      [3, '1'],
      [5, '2'],
    ]);
    expect(split(Buffer.from('')).items).toEqual([]);
    expect(split(Buffer.from(' \n ')).faults).toEqual([]);
    expect(split(Buffer.from('[ ]')).items).toEqual([]);
  });
});

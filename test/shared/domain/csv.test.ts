import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { csvLine, csvReader, unguarded } from '../../../shared/domain/csv.ts';

const readIn = (text: string, pieceLength = text.length || 1) => {
  const reader = csvReader();
  const rows = [];
  for (let at = 0; at < text.length; at += pieceLength) rows.push(...reader.push(text.slice(at, at + pieceLength)));
  return [...rows, ...reader.end()];
};

describe('CSV', () => {
  it.each([
    [
      'a,b\nc,d',
      [
        [1, 'a', 'b'],
        [2, 'c', 'd'],
      ],
    ],
    [
      '\ufeffa\r\nb\r\n',
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ],
    [
      'a\rb\r',
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ],
    [
      '"a,""b""\nc",d\n\n\ne',
      [
        [1, 'a,"b"\nc', 'd'],
        [5, 'e'],
      ],
    ],
    [
      '"a\r\nb",c\r\nd',
      [
        [1, 'a\r\nb', 'c'],
        [3, 'd'],
      ],
    ],
    [
      'a,\n,b',
      [
        [1, 'a', ''],
        [2, '', 'b'],
      ],
    ],
    ['a"b\n', [[1, 'a"b']]],
    ['', []],
  ] as const)('%j is read with the lines on which its rows begin, in pieces of any length', (text, expected) => {
    for (const length of [1, 2, 3, 100]) {
      expect(readIn(text, length).map(({ line, cells }) => [line, ...cells])).toEqual(expected);
    }
  });

  it('comes back as it was written, and no cell begins like a formula', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string(), { minLength: 2, maxLength: 4 }), { maxLength: 5 }), (table) => {
        const rows = readIn(table.map(csvLine).join(''));
        expect(rows.map(({ cells }) => cells.map(unguarded))).toEqual(
          table.map((cells) => cells.map((cell) => unguarded(cell))),
        );
        for (const { cells } of rows) for (const cell of cells) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
      }),
    );
  });

  it.each(['=1+1', '+1', '-1', '@a', '\tb', '\rc'])('%j is guarded', (cell) => {
    expect(readIn(csvLine([cell, 'x']))[0]?.cells[0]).toBe(`'${cell}`);
  });

  it('that never ends its row is refused', () => {
    expect(() => readIn(`"${'x'.repeat(20_000)}`)).toThrow('line 1 is too long');
  });
});

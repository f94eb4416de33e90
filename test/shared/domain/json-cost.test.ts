import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonCostFault } from '../../../shared/domain/json-cost.ts';

const limits = { depth: 5, members: 10, values: 30, steps: 10_000 };
const faultOf = (json: string) => jsonCostFault(Buffer.from(json), limits);

interface Cost {
  depth: number;
  members: number;
  values: number;
}
// What the scan must find, told from what the parser built.
const costOf = (json: unknown): Cost => {
  if (typeof json !== 'object' || json === null) return { depth: 0, members: 1, values: 1 };
  const parts = Object.values(json).map(costOf);
  return {
    depth: 1 + Math.max(0, ...parts.map(({ depth }) => depth)),
    members: Math.max(1, parts.length, ...parts.map(({ members }) => members)),
    // Every comma parts two values.
    values: parts.reduce((sum, { values }) => sum + values, 1) - (parts.length === 0 ? 0 : 1),
  };
};

describe('The cost of JSON', () => {
  it('is refused at exactly the limits, whatever the strings hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const { depth, members, values } = costOf(value);
        const isTooMuch = depth > limits.depth || members > limits.members || values > limits.values;
        expect(faultOf(JSON.stringify(value)) !== undefined).toBe(isTooMuch);
        expect(faultOf(JSON.stringify(value, null, 2)) !== undefined).toBe(isTooMuch);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['"[[[[[[[[[,,,,,,,,,,,,"', undefined],
    [String.raw`"\"[[[[[[[[[[[\\"`, undefined],
    [String.raw`["\\", [[[[[1]]]]]]`, 'is nested more than 5 levels deep'],
    ['[[[[[[1]]]]]]', 'is nested more than 5 levels deep'],
    ['[1,2,3,4,5,6,7,8,9,10,11]', 'has a list or object of more than 10 members'],
    [`[${Array(8).fill('[1,2,3,4]').join(',')}]`, 'holds more than 30 values'],
    [' '.repeat(10_001), 'holds too many blanks, signs or escapes'],
    [`"${'\\"'.repeat(2_501)}"`, 'holds too many blanks, signs or escapes'],
    [']]]]]]}}}}}[[[[[', undefined],
    ['"', undefined],
    ['', undefined],
  ])('of %j', (json, fault) => {
    expect(faultOf(json)).toBe(fault);
  });

  it('of a long string is not counted by its bytes', () => {
    expect(faultOf(`["${'a'.repeat(1_000_000)}"]`)).toBeUndefined();
  });
});

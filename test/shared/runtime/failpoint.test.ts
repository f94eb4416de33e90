import { describe, expect, it } from '@jest/globals';
import { failpointOf } from '../../../shared/runtime/failpoint.ts';

describe('A failpoint', () => {
  it('ends the process when its point is passed for the nth time, and at no other', () => {
    const deaths: string[] = [];
    const pass = failpointOf('after-claim:2', false, () => deaths.push('dead'));
    pass('after-claim');
    pass('before-claim');
    expect(deaths).toEqual([]);
    pass('after-claim');
    expect(deaths).toEqual(['dead']);
  });

  it('does nothing without a setting', () => {
    const deaths: string[] = [];
    const pass = failpointOf(undefined, true, () => deaths.push('dead'));
    pass('after-claim');
    expect(deaths).toEqual([]);
  });

  it.each([
    ['a point that nobody knows', 'here:1', false],
    ['a count of none', 'after-claim:0', false],
    ['production', 'after-claim:1', true],
  ])('is refused for %s', (_, setting, isProduction) => {
    expect(() => failpointOf(setting, isProduction)).toThrow(expect.objectContaining({ code: 'config' }));
  });
});

import { describe, expect, it } from '@jest/globals';
import { createBreaker } from '../../../shared/runtime/breaker.ts';

const after = (...records: boolean[]): boolean => {
  const breaker = createBreaker();
  for (const wasUnexpected of records) breaker.record(wasUnexpected);
  return breaker.isOpen;
};
const times = (count: number, wasUnexpected: boolean): boolean[] => Array<boolean>(count).fill(wasUnexpected);

describe('The breaker', () => {
  it('opens at the 50th unexpected fault in a row, not at the 49th', () => {
    expect(after(...times(49, true))).toBe(false);
    expect(after(...times(50, true))).toBe(true);
    expect(after(...times(49, true), false, ...times(49, true))).toBe(false);
  });

  it('opens above 20 % of the last 200, not at 20 %', () => {
    const mixed = (faults: number): boolean[] =>
      Array.from({ length: 200 }, (_, index) => index % 5 === 0 && index / 5 < faults);
    expect(after(...mixed(40))).toBe(false);
    expect(after(...mixed(40), true)).toBe(false);
    expect(after(true, ...mixed(40).slice(1), true)).toBe(false);
    expect(after(...mixed(40).slice(1), true, true)).toBe(true);
  });

  it('looks at no share before it has seen 200', () => {
    expect(after(...times(49, true), false, ...times(49, true), ...times(100, false))).toBe(false);
    expect(after(...times(49, true), false, ...times(49, true), ...times(101, false))).toBe(true);
  });

  it('forgets what is more than 200 records ago', () => {
    expect(after(...times(49, true), false, ...times(49, true), ...times(250, false))).toBe(false);
  });

  it('stays open for every further fault until records are handled again', () => {
    const breaker = createBreaker();
    for (let index = 0; index < 60; index += 1) breaker.record(true);
    expect(breaker.isOpen).toBe(true);
    breaker.record(true);
    expect(breaker.isOpen).toBe(true);
    breaker.record(false);
    expect(breaker.isOpen).toBe(false);
  });
});

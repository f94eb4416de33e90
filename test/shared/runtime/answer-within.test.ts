import { expect, it } from '@jest/globals';
import { answerWithin } from '../../../shared/runtime/answer-within.ts';

const never = new Promise<string>(() => undefined);

it('An answer in time is passed on, whatever it is', async () => {
  expect(await answerWithin(Promise.resolve('x'), 10_000)).toBe('x');
  expect(await answerWithin(Promise.resolve(0), 10_000)).toBe(0);
});

it('A fault in time is thrown', async () => {
  await expect(answerWithin(Promise.reject(new TypeError('bad')), 10_000)).rejects.toThrow('bad');
});

it('What takes longer is undefined', async () => {
  expect(await answerWithin(never, 1)).toBeUndefined();
});

it('A fault that comes too late ends nobody', async () => {
  let fail: (error: Error) => void = () => undefined;
  const late = new Promise<string>((_, reject) => {
    fail = reject;
  });
  expect(await answerWithin(late, 1)).toBeUndefined();
  fail(new TypeError('late'));
  await new Promise(setImmediate);
});

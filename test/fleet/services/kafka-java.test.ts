import { expect, test } from '@jest/globals';
import { javaMajor } from '../../../fleet/services/kafka-java.ts';

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['openjdk version "21" 2023-09-19', 21],
  ['java version "1.8.0_402"', 8],
  ['sh: java: not found', 0],
])('%s is Java %d', (text, major) => {
  expect(javaMajor(text)).toBe(major);
});

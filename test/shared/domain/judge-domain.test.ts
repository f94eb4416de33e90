import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { judgeDomain } from '../../../shared/domain/judge-domain.ts';

it.each([
  [0, 0, 'unknown'],
  [999, 0, 'unknown'],
  [1_000, 0, 'unknown'],
  [1_001, 0, 'catch-all'],
  [0, 1, 'not-catch-all'],
  [999, 1, 'not-catch-all'],
  [1_001, 1, 'not-catch-all'],
  [1_000_000_000, 1, 'not-catch-all'],
] as const)('%d delivered and %d bounced: %s', (delivered, bounced, verdict) => {
  expect(judgeDomain({ delivered, bounced }, 1_000)).toBe(verdict);
});

it('needs strictly more deliveries than whatever threshold is set', () => {
  fc.assert(
    fc.property(fc.nat(), (threshold) => {
      expect(judgeDomain({ delivered: threshold, bounced: 0 }, threshold)).toBe('unknown');
      expect(judgeDomain({ delivered: threshold + 1, bounced: 0 }, threshold)).toBe('catch-all');
    }),
  );
});

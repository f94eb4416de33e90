import { createHash } from 'node:crypto';

/**
 * The id of an event that the vendor gave none: a hash of what makes it itself, so every repeat has the same.
 * @param facts ESP, type, message id, recipient, the vendor's time, and the URL or code that tells two of them apart.
 */
export const composedEventId = (facts: readonly (string | number | undefined)[]): string =>
  createHash('sha256').update(JSON.stringify(facts)).digest('hex');

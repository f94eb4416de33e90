import { openValue } from '../../shared/domain/sealed-value.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import type { OpenSealed } from './claimed-message.ts';

/** Opens with the fleet's key, where this process has one. */
export const openSealedWith =
  (key: Uint8Array | undefined): OpenSealed =>
  (sealed, messageUuid) => {
    if (key === undefined) {
      throw new InvalidMessageError(
        'sealed-value',
        'Its sealed values need JWT_SECRET, which this process does not have.',
      );
    }
    return Object.fromEntries(
      Object.entries(sealed).map(([name, value]) => [name, openValue(key, messageUuid, value)]),
    );
  };

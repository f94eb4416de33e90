/** Counts records whose handling threw what nobody expected, so that a bad deploy cannot drain a topic into `.dead`. */
export interface Breaker {
  record(wasUnexpected: boolean): void;
  /** Whether the next unexpected fault stops its partition. Records that are handled again close it. */
  readonly isOpen: boolean;
}

const windowSize = 200;
const inARowLimit = 50;
const shareLimit = 0.2;

/** Opens at 50 unexpected faults in a row, or when more than 20 % of the last 200 records had one. */
export const createBreaker = (): Breaker => {
  // A ring, since every record of a high-volume topic passes here.
  const ring = new Uint8Array(windowSize);
  let seen = 0;
  let faults = 0;
  let inARow = 0;
  return {
    record: (wasUnexpected) => {
      const place = seen % windowSize;
      faults += (wasUnexpected ? 1 : 0) - (ring[place] ?? 0);
      ring[place] = wasUnexpected ? 1 : 0;
      seen += 1;
      inARow = wasUnexpected ? inARow + 1 : 0;
    },
    get isOpen() {
      return inARow >= inARowLimit || (seen >= windowSize && faults > windowSize * shareLimit);
    },
  };
};

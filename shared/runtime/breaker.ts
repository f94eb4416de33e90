/** Counts records whose handling threw what nobody expected, so that a bad deploy cannot drain a topic into `.dead`. */
export interface Breaker {
  record(wasUnexpected: boolean): void;
  readonly isOpen: boolean;
  close(): void;
}

const windowSize = 200;
const inARowLimit = 50;
const shareLimit = 0.2;

/** Opens at 50 unexpected faults in a row, or when more than 20 % of the last 200 records had one. */
export const createBreaker = (): Breaker => {
  let last: boolean[] = [];
  let inARow = 0;
  return {
    record: (wasUnexpected) => {
      last.push(wasUnexpected);
      if (last.length > windowSize) last = last.slice(-windowSize);
      inARow = wasUnexpected ? inARow + 1 : 0;
    },
    get isOpen() {
      const faults = last.filter(Boolean).length;
      return inARow >= inARowLimit || (last.length >= windowSize && faults > windowSize * shareLimit);
    },
    close: () => {
      last = [];
      inARow = 0;
    },
  };
};

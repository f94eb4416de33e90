/** Randomness that a seed repeats. */
export interface Random {
  /** A whole number from 0 to 2³² − 1. */
  bits(): number;
  /** From 0 up to, not including, 1. */
  next(): number;
  /** A whole number from 0 up to, not including, `below`. */
  int(below: number): number;
  /** Normally distributed around 0 with deviation 1. */
  normal(): number;
}

/** splitmix32 (a 32-bit variant of Steele, Lea and Flood's SplitMix): small, quick, and good enough for invented data. */
export const createRandom = (seed: number): Random => {
  let state = seed | 0;
  const bits = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const next = (): number => bits() / 4_294_967_296;
  return {
    bits,
    next,
    int: (below) => Math.floor(next() * below),
    // Irwin–Hall: twelve uniforms have variance 1; tails beyond 6 do not matter here.
    normal: () => {
      let sum = -6;
      for (let n = 0; n < 12; n += 1) sum += next();
      return sum;
    },
  };
};

/** Chooses by share: `shares` need not sum to 1. */
export const chooser = <T>(shares: readonly (readonly [T, number])[]): ((at: number) => T) => {
  const bounds: number[] = [];
  let sum = 0;
  for (const [, share] of shares) bounds.push((sum += share));
  return (at) => {
    const wanted = at * sum;
    let low = 0;
    let high = bounds.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((bounds[middle] ?? sum) > wanted) high = middle;
      else low = middle + 1;
    }
    const chosen = shares[low];
    if (chosen === undefined) throw new RangeError('there is nothing to choose from');
    return chosen[0];
  };
};

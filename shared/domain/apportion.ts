/** A share for each name; in this product the names are ESPs. */
export type Shares = Readonly<Record<string, number>>;

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Cuts `total` whole things by largest remainder (Hamilton's method): everyone gets the floor of their exact share, what
 * is left goes one by one to the largest remainders; ties to the larger share, then to the name a–z. The result sums to
 * exactly `total` and holds every name. Shares are any non-negative numbers; when all are 0 everyone counts alike.
 */
export const apportion = (total: number, shares: Shares): Record<string, number> => {
  const names = Object.keys(shares);
  if (names.length === 0) return {};
  const given = names.reduce((sum, name) => sum + (shares[name] ?? 0), 0);
  const share = (name: string): number => (given > 0 ? (shares[name] ?? 0) : 1);
  const sum = given > 0 ? given : names.length;
  const rows = names.map((name) => {
    // Multiplied before divided: with whole shares the numerator is exact, and so is every tie.
    const exact = (total * share(name)) / sum;
    const floor = Math.floor(exact);
    return { name, floor, remainder: exact - floor };
  });
  let left = total - rows.reduce((taken, row) => taken + row.floor, 0);
  const order = [...rows].sort(
    (a, b) => b.remainder - a.remainder || share(b.name) - share(a.name) || byName(a.name, b.name),
  );
  const extra = new Set<string>();
  for (const row of order) {
    if (left <= 0) break;
    extra.add(row.name);
    left -= 1;
  }
  return Object.fromEntries(rows.map((row) => [row.name, row.floor + (extra.has(row.name) ? 1 : 0)]));
};

/** Weights that sum to exactly 1000, in the proportion of the shares. */
export const weightsOf = (shares: Shares): Record<string, number> => apportion(1_000, shares);

/** The weights of some of the ESPs alone, again 1000 in all. Empty when none of them is known. */
export const restrictWeights = (weights: Shares, allowed: readonly string[] | undefined): Record<string, number> => {
  if (allowed === undefined) return { ...weights };
  const kept = Object.entries(weights).filter(([name]) => allowed.includes(name));
  return kept.length === 0 ? {} : weightsOf(Object.fromEntries(kept));
};

/**
 * A sequence that holds every name exactly `counts[name]` times, spread so evenly that each prefix has every name within
 * one of its share, and so any stretch within two, however many names there are and however small some counts.
 *
 * Tijdeman's rule for the chairman assignment problem (Discrete Mathematics 32, 1980): of those whose share is behind by
 * at least 1/(2n-2), the one is next that must come soonest. Whole numbers throughout, so that ties are exact.
 */
export const interleave = (counts: Shares): string[] => {
  const rows = Object.keys(counts)
    .sort(byName)
    .map((name) => ({ name, count: counts[name] ?? 0, taken: 0 }))
    .filter((row) => row.count > 0);
  const total = rows.reduce((sum, row) => sum + row.count, 0);
  const slack = Math.max(1, 2 * rows.length - 2);
  const sequence: string[] = [];
  for (let length = 1; length <= total; length += 1) {
    let next: (typeof rows)[number] | undefined;
    for (const row of rows) {
      if (row.taken >= row.count || slack * (length * row.count - row.taken * total) < total) continue;
      // Compares (taken + 1 - 1/slack) / count, the time by which each must come, without dividing.
      const isSooner =
        next === undefined || (slack * (row.taken + 1) - 1) * next.count < (slack * (next.taken + 1) - 1) * row.count;
      if (isSooner) next = row;
    }
    if (next === undefined) throw new RangeError('counts must be whole numbers');
    next.taken += 1;
    sequence.push(next.name);
  }
  return sequence;
};

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
 * A sequence that holds every name exactly `counts[name]` times, spread as evenly as whole numbers allow: any stretch of
 * it has each name within about one of its share.
 */
export const interleave = (counts: Shares): string[] => {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const slots: { readonly at: number; readonly name: string }[] = [];
  for (const name of Object.keys(counts).sort(byName)) {
    const count = counts[name] ?? 0;
    for (let k = 0; k < count; k += 1) slots.push({ at: ((k + 0.5) * total) / count, name });
  }
  return slots.sort((a, b) => a.at - b.at || byName(a.name, b.name)).map((slot) => slot.name);
};

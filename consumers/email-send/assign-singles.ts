type Owed = Record<string, number>;
/** What each ESP is owed: over all requests of one recipient (under `all`), and of each mailbox provider's. */
type Carry = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Single {
  readonly provider: string;
  /** The weights that it follows: its provider's, restricted to the ESPs it may use. */
  readonly weights: Readonly<Record<string, number>>;
}

const all = 'all';

/**
 * The ESP of each request of one recipient, in order, and what is owed after them.
 *
 * Every message owes each ESP its weight, and pays one ESP a whole message: whoever is owed most, by its provider's mail
 * and by all mail together, among those that have any weight. So the remainders go from request to request, and however
 * providers and weights are mixed, every ESP gets what the weights add up to, give or take one message.
 */
export const assignSingles = (
  singles: readonly Single[],
  carry: Carry,
): { readonly esps: readonly string[]; readonly carry: Carry } => {
  const owed = new Map<string, Owed>(Object.entries(carry).map(([name, row]) => [name, { ...row }]));
  const rowOf = (name: string): Owed => {
    const row = owed.get(name) ?? {};
    owed.set(name, row);
    return row;
  };
  const total = rowOf(all);
  const esps = singles.map(({ provider, weights }) => {
    const own = rowOf(provider);
    let chosen = '';
    let most = -Infinity;
    for (const esp of Object.keys(weights).sort()) {
      const share = (weights[esp] ?? 0) / 1_000;
      total[esp] = (total[esp] ?? 0) + share;
      own[esp] = (own[esp] ?? 0) + share;
      if (share <= 0) continue;
      // All mail together first: it is what the weights promise. The provider's own decides between nearly equal debts.
      const debt = total[esp] + (own[esp] ?? 0) / 16;
      if (debt > most) [chosen, most] = [esp, debt];
    }
    total[chosen] = (total[chosen] ?? 0) - 1;
    own[chosen] = (own[chosen] ?? 0) - 1;
    return chosen;
  });
  return { esps, carry: Object.fromEntries([...owed].map(([name, row]) => [name, rounded(row)])) };
};

// Nine digits are far more than a debt needs, and keep the stored row small.
const rounded = (row: Owed): Owed =>
  Object.fromEntries(
    Object.entries(row)
      .filter(([, debt]) => Math.abs(debt) > 1e-9)
      .map(([esp, debt]) => [esp, Number(debt.toFixed(9))]),
  );

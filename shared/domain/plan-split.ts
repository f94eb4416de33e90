import { apportion, type Shares } from './apportion.ts';
import type { ByCell } from './policies/policy.ts';

/** How many recipients of each mailbox provider go through each ESP: by provider, then by ESP. */
export type SplitPlan = Readonly<Record<string, Readonly<Record<string, number>>>>;

// More than all other costs together: mail of a provider through an ESP that has no weight with it.
const strayCost = 1_000_000;

/**
 * Splits a request's recipients exactly: each mailbox provider by its own weights, and all of them together so that every
 * ESP gets what largest remainder gives it of the whole (`weights`, 1000 in all).
 *
 * Providers are cut by largest remainder first. Where their sums miss the whole's by one or a few - remainders of
 * several providers add up - single recipients change sides where that moves providers least from their exact shares, if
 * need be over a third ESP, and never to an ESP that has no weight with the provider as long as there is another way.
 */
export const planSplit = (
  recipients: Readonly<Record<string, number>>,
  byProvider: ByCell,
  weights: Shares,
): SplitPlan => {
  const providers = Object.keys(recipients).filter((provider) => (recipients[provider] ?? 0) > 0);
  const total = providers.reduce((sum, provider) => sum + (recipients[provider] ?? 0), 0);
  const wanted = apportion(total, weights);
  const esps = Object.keys(wanted).sort();
  const plan = Object.fromEntries(
    providers.map((provider) => [
      provider,
      { ...apportion(0, weights), ...apportion(recipients[provider] ?? 0, byProvider[provider] ?? weights) },
    ]),
  );
  const cell = (provider: string, esp: string): number => plan[provider]?.[esp] ?? 0;
  // In proportion, as `apportion` reads them: whatever they sum to, no cut row can be improved by itself.
  const sums = new Map(
    providers.map((provider) => [provider, Object.values(byProvider[provider] ?? weights).reduce((a, b) => a + b, 0)]),
  );
  const exact = (provider: string, esp: string): number => {
    const sum = sums.get(provider) ?? 0;
    const share = sum > 0 ? ((byProvider[provider] ?? weights)[esp] ?? 0) / sum : 1 / esps.length;
    return (recipients[provider] ?? 0) * share;
  };
  const missing = (esp: string): number =>
    (wanted[esp] ?? 0) - providers.reduce((sum, provider) => sum + cell(provider, esp), 0);
  const strays = (provider: string, esp: string): number => (exact(provider, esp) === 0 ? strayCost : 0);

  /** The recipient that is best moved from one ESP to another: by how much the squares of all errors grow. */
  const cheapest = (from: string, to: string): { readonly provider: string; readonly cost: number } | undefined => {
    let best: { readonly provider: string; readonly cost: number } | undefined;
    for (const provider of providers) {
      if (cell(provider, from) === 0) continue;
      const errors = exact(provider, from) - cell(provider, from) + cell(provider, to) - exact(provider, to) + 1;
      const cost = errors + strays(provider, to) - strays(provider, from);
      if (best === undefined || cost < best.cost) best = { provider, cost };
    }
    return best;
  };

  for (;;) {
    // Bellman and Ford: the cheapest ways from those that have too much, one move longer with every pass.
    const ways = new Map<string, { readonly cost: number; readonly from?: string; readonly provider?: string }>();
    for (const esp of esps) if (missing(esp) < 0) ways.set(esp, { cost: 0 });
    for (let moves = 1; moves < esps.length; moves += 1) {
      for (const [from, { cost: before }] of [...ways]) {
        for (const to of esps) {
          const move = to === from ? undefined : cheapest(from, to);
          if (move === undefined) continue;
          const cost = before + move.cost;
          if (cost < (ways.get(to)?.cost ?? Infinity) - 1e-9) ways.set(to, { cost, from, provider: move.provider });
        }
      }
    }
    const [poor] = esps
      .filter((esp) => missing(esp) > 0 && ways.has(esp))
      .sort((a, b) => (ways.get(a)?.cost ?? 0) - (ways.get(b)?.cost ?? 0));
    if (poor === undefined) return plan;
    for (let esp = poor; ;) {
      const { from, provider } = ways.get(esp) ?? {};
      const row = provider === undefined ? undefined : plan[provider];
      if (from === undefined || row === undefined) break;
      row[from] = (row[from] ?? 0) - 1;
      row[esp] = (row[esp] ?? 0) + 1;
      esp = from;
    }
  }
};

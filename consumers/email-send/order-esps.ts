import type { Allowance } from '../../shared/domain/esp-health.ts';

type Weights = Readonly<Record<string, number>>;
type Allowances = Readonly<Record<string, Allowance>>;

/** ESPs by weight, heaviest first; ties by name. */
export const byWeight = (weights: Weights): string[] =>
  Object.keys(weights).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || (a < b ? -1 : 1));

/**
 * Those that get probes and nothing else. Where nobody is well, whoever answered its last probe is better than nobody.
 */
export const probedOnly = (esps: readonly string[], allowances: Allowances): string[] => {
  const allowanceFor = (esp: string): Allowance => allowances[esp] ?? { kind: 'any' };
  const isAnyOpen = esps.some((esp) => ['any', 'share'].includes(allowanceFor(esp).kind));
  return esps.filter((esp) => {
    const allowance = allowanceFor(esp);
    return allowance.kind === 'probe' && (isAnyOpen || allowance.isAnswering !== true);
  });
};

/** Whether none of the ESPs may be sent anything but probes: nobody's mail can go anywhere now. */
export const isNobodyLeft = (esps: readonly string[], allowances: Allowances): boolean => {
  const sick = new Set(probedOnly(esps, allowances));
  return esps.every((esp) => sick.has(esp) || allowances[esp]?.kind === 'none');
};

/**
 * The ESPs in the order in which a message is tried: the planned one, then the others by weight, without those that may not
 * have it now. An ESP that only drains still sends what it was planned for. `isAnyLeftOut` tells that somebody may take
 * it later who is not asked now.
 */
export const orderEsps = (
  planned: string,
  weights: Weights,
  allowances: Allowances,
): { readonly candidates: readonly string[]; readonly isAnyLeftOut: boolean } => {
  const all = [planned, ...byWeight(weights).filter((esp) => esp !== planned)];
  const sick = new Set(probedOnly(Object.keys(allowances), allowances));
  const candidates = all.filter((esp) => {
    const kind = allowances[esp]?.kind ?? 'any';
    return !sick.has(esp) && kind !== 'none' && (kind !== 'drain' || esp === planned);
  });
  // With nobody left the planned one stands: its calls are not made, and the message waits for its time.
  return {
    candidates: candidates.length === 0 ? [planned] : candidates,
    isAnyLeftOut: candidates.length < all.length,
  };
};

/**
 * The order of a message that was stored before: for its first attempt as planned, later beginning with whoever did not
 * have the last one, who comes at the end. Undefined when none of the ESPs that may send it is configured any more.
 */
export const orderStored = (
  message: { readonly attempt: number; readonly esp: string },
  weights: Weights,
  configured: readonly string[],
  allowances: Allowances,
): ReturnType<typeof orderEsps> | undefined => {
  const known = Object.fromEntries(Object.entries(weights).filter(([esp]) => configured.includes(esp)));
  const last = configured.includes(message.esp) ? message.esp : undefined;
  const other = byWeight(known).find((esp) => esp !== message.esp);
  const first = message.attempt === 0 ? (last ?? other) : (other ?? last);
  if (first === undefined) return undefined;
  const { candidates, isAnyLeftOut } = orderEsps(first, known, allowances);
  const isLast = (esp: string): boolean => esp === message.esp && esp !== first;
  return {
    candidates: [...candidates.filter((esp) => !isLast(esp)), ...candidates.filter(isLast)],
    isAnyLeftOut,
  };
};

import { noEvidence, ofAllProviders, type Evidence, type EspEvidence } from './evidence.ts';
import type { Allowance } from './esp-health.ts';
import type { ByCell } from './policies/policy.ts';

const unheard = ', of which no outcome is known';
const did = ({ settled, delivered }: EspEvidence, what: string): string =>
  settled > 0 ? ` with ${((100 * delivered) / settled).toFixed(1)} %${what}` : unheard;
const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;

/** A weight decision in a sentence or two, for a person: what it went by, who leads and by what, and who is held back. */
export const explainWeights = (decision: {
  readonly window: '30d' | 'since-last-batch';
  /** How far back a first decision looks. */
  readonly days?: number | undefined;
  readonly policy: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly scores: ByCell;
  /** Recipients by mailbox provider. */
  readonly mix: Readonly<Record<string, number>>;
  readonly allowances: Readonly<Record<string, Allowance>>;
  /** ESPs whose allowance is an operator's wish, and says nothing of their health. */
  readonly operated?: readonly string[] | undefined;
  readonly cells: Evidence;
}): string => {
  const esps = Object.keys(decision.weights).sort(
    (a, b) => (decision.weights[b] ?? 0) - (decision.weights[a] ?? 0) || (a < b ? -1 : 1),
  );
  const known = esps.map((esp) => ({ esp, ...ofAllProviders(decision.cells[esp]) }));
  const settled = known.reduce((sum, one) => sum + Math.max(0, one.settled), 0);
  const { days = 30 } = decision;
  const span = days === 1 ? 'last day' : `last ${days} days`;
  const window = decision.window === '30d' ? `Outcomes of the ${span}` : 'Outcomes since the last batch';
  const [first, second] = known;
  const what =
    settled < 1
      ? `${window}: none yet, so ${decision.window === '30d' ? 'nobody is preferred' : 'what was known before stands'}.`
      : `${window} (${Math.round(settled)} messages): ${first?.esp ?? ''} leads${did(first ?? noEvidence, ' delivered')}` +
        (second === undefined ? '.' : `, ahead of ${second.esp}${did(second, '')}.`);
  // Somebody who may not be used is nobody's favourite.
  const isOut = (esp: string): boolean => ['probe', 'drain', 'none'].includes(decision.allowances[esp]?.kind ?? 'any');
  const byProvider = Object.keys(decision.scores).filter((provider) => (decision.mix[provider] ?? 0) > 0);
  const favourites = byProvider.flatMap((provider) => {
    const scores = decision.scores[provider] ?? {};
    const best = Object.keys(scores)
      .filter((esp) => !isOut(esp))
      .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || (a < b ? -1 : 1))[0];
    return best === undefined || best === first?.esp ? [] : [`${best} at ${provider}`];
  });
  const differs = settled < 1 || favourites.length === 0 ? '' : ` Better there: ${list(favourites)}.`;
  const named = (kind: Allowance['kind']): string[] =>
    Object.keys(decision.allowances)
      .filter((esp) => decision.allowances[esp]?.kind === kind)
      .sort();
  const { operated = [] } = decision;
  const probes = named('probe').filter((esp) => !operated.includes(esp));
  const asked = named('probe').filter((esp) => operated.includes(esp));
  const none = [...named('drain'), ...named('none')].sort();
  const held = named('share').map((esp) => {
    const allowance = decision.allowances[esp];
    return `${esp} (${allowance?.kind === 'share' ? (allowance.most * 100).toFixed(1) : '0'} %)`;
  });
  return [
    what + differs,
    probes.length === 0 ? '' : `Unhealthy, probes only: ${list(probes)}.`,
    asked.length === 0 ? '' : `Probes only, as an operator decided: ${list(asked)}.`,
    none.length === 0 ? '' : `Taken out by an operator: ${list(none)}.`,
    held.length === 0 ? '' : `Held to a part: ${list(held)}.`,
  ]
    .filter((part) => part !== '')
    .join(' ');
};

import type { ChaosClient } from './client.ts';
import { judge, type Judgement } from './oracle.ts';
import type { Finding } from './scenario.ts';

export interface MailBounds {
  /** More messages than this may not have been taken twice; none by default. */
  readonly duplicatesAtMost?: number;
  /** ESPs whose messages nobody may have taken again. */
  readonly neverTwiceAfter?: readonly string[];
  readonly mayStayUnknown?: boolean;
  /** What else was found wrong, a sentence each. */
  readonly faults?: readonly string[];
  readonly note?: string;
}

const some = (ids: readonly string[]): string => ids.slice(0, 3).join(', ');

/** Asks the oracle about everything that a client was told, and holds it to the scenario's bounds. */
export const judgeMail = async (client: ChaosClient, bounds: MailBounds = {}): Promise<Finding> => {
  const [accepted, told] = await Promise.all([client.accepted(), client.told()]);
  const found: Judgement = judge({
    submitted: client.submitted,
    acked: client.acked,
    accepted,
    told,
    mayStayUnknown: bounds.mayStayUnknown ?? false,
  });
  const { lost, duplicates, unflagged, phantom, firstTakenBy } = found;
  const most = bounds.duplicatesAtMost ?? 0;
  const faults = [
    ...(lost.length > 0 ? [`${lost.length} lost: ${some(lost)}`] : []),
    ...(duplicates.length > most
      ? [`${duplicates.length} duplicates, at most ${most} may be: ${some(duplicates)}`]
      : []),
    ...(unflagged.length > 0 ? [`${unflagged.length} unflagged duplicates: ${some(unflagged)}`] : []),
    ...(phantom.length > 0 ? [`${phantom.length} phantoms: ${some(phantom)}`] : []),
    ...(bounds.neverTwiceAfter ?? []).flatMap((esp) =>
      (firstTakenBy[esp] ?? 0) > 0 ? [`${firstTakenBy[esp] ?? 0} messages that ${esp} had were taken again`] : [],
    ),
    ...(bounds.faults ?? []),
  ];
  const answered = [...client.answers].map(([status, count]) => `${status || 'none'}: ${count}`).join(', ');
  const states = new Map<string, number>();
  for (const { status } of told.values()) states.set(status, (states.get(status) ?? 0) + 1);
  const note = [
    `acked ${client.acked.length}`,
    `accepted ${accepted.length}`,
    `answers ${answered}`,
    [...states].map(([state, count]) => `${state} ${count}`).join(' '),
    ...(bounds.note === undefined ? [] : [bounds.note]),
  ].join('; ');
  return {
    lost: lost.length,
    duplicates: duplicates.length,
    unflagged: unflagged.length,
    phantom: phantom.length,
    faults,
    note,
  };
};

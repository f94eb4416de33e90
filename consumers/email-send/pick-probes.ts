import type { MessageClass } from '../../shared/domain/next-attempt.ts';

/** A message that could be somebody's probe. */
export interface ProbeCandidate {
  readonly id: string;
  readonly messageClass: MessageClass;
  readonly policy: 'at-least-once' | 'at-most-once';
  /** The ESPs that it may use; null for all. */
  readonly esps: readonly string[] | null;
  /** Not before its time. */
  readonly isLater: boolean;
}

/** Whether none of these ESPs (null for all) may be sent anything but probes. */
export type NobodyLeft = (esps: readonly string[] | null) => boolean;

/**
 * Which message tries which ESP that gets nothing else: one message each, bulk mail before all other. Never a one-time
 * code, which has no time to fail, and never a message that must not be sent twice, as a sick ESP's answer may get lost -
 * unless none of the ESPs that it may use is well (`isNobodyLeft`): then it has nowhere else to go, and may be all the mail
 * there is.
 */
export const pickProbes = (
  esps: readonly string[],
  messages: readonly ProbeCandidate[],
  isNobodyLeft: NobodyLeft = () => false,
): ReadonlyMap<string, string> => {
  const usable = messages
    .filter(({ isLater }) => !isLater)
    .filter(
      ({ messageClass, policy, esps }) => isNobodyLeft(esps) || (messageClass !== 'otp' && policy === 'at-least-once'),
    )
    .sort((a, b) => Number(b.messageClass === 'bulk') - Number(a.messageClass === 'bulk'));
  const probes = new Map<string, string>();
  for (const esp of esps) {
    const found = usable.find((message) => !probes.has(message.id) && (message.esps?.includes(esp) ?? true));
    if (found !== undefined) probes.set(found.id, esp);
  }
  return probes;
};

/** Whether any of the messages could be a probe: else nobody's turn is to be taken. */
export const canProbe = (messages: readonly ProbeCandidate[], esp: string, isNobodyLeft?: NobodyLeft): boolean =>
  pickProbes([esp], messages, isNobodyLeft).size > 0;

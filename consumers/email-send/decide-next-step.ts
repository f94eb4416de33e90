import { hideAddresses } from '../../shared/domain/hide-addresses.ts';
import { retryDelayMs, unknownWindowMs, type MessageClass } from '../../shared/domain/next-attempt.ts';
import type { DeliveryAnswer } from '../../shared/esp/esp.ts';

/** What is done with a message after an ESP's answer. */
export type NextStep =
  | { readonly kind: 'sent'; readonly providerMessageId: string | undefined }
  /** Nobody knows whether it was sent: `windowMs` for a webhook to tell, and never another ESP before that. */
  | { readonly kind: 'unknown'; readonly windowMs: number; readonly error: string }
  | { readonly kind: 'next-esp'; readonly esp: string; readonly error: string }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: string }
  /** `reason` says why in plain words, `error` is the ESP's own. */
  | { readonly kind: 'failed'; readonly reason: string; readonly error: string };

export interface TriedMessage {
  readonly messageClass: MessageClass;
  /** Attempts up to now, this one included. */
  readonly attempts: number;
  readonly ageMs: number;
  /** How long it is worth trying, in ms from its acceptance. */
  readonly lifetimeMs: number;
  /** ESPs that were not asked in this batch yet, best first. */
  readonly untried: readonly string[];
  /** Whether some ESP of this batch may yet take the message later. */
  readonly mayTakeLater: boolean;
}

/** The code of an answer that no call stands behind, since the process stops: the message is another's to send at once. */
export const stopping = 'stopping';

// The ESP's own words, without the addresses that they quote: whom it is about stands beside them.
const words = (esp: string, code: string, detail: string): string =>
  hideAddresses(`${esp}: ${detail} (${code})`).slice(0, 1_000);

const duration = (ms: number): string => {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.round(ms / 1_000)} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
};

/**
 * The outcome rule. Accepted is sent; ambiguous is `unknown`; a refusal that only the recipient caused is final; any
 * other refusal goes to the next ESP by weight at once, and with nobody left waits for its time - unless every ESP
 * refused the message for good, or its life is over.
 */
export const decideNextStep = (
  answer: DeliveryAnswer,
  esp: string,
  message: TriedMessage,
  random: number,
): NextStep => {
  if (answer.outcome === 'accepted') return { kind: 'sent', providerMessageId: answer.providerMessageId };
  const error = words(esp, answer.code, answer.detail);
  if (answer.outcome === 'unknown') return { kind: 'unknown', windowMs: unknownWindowMs[message.messageClass], error };
  if (answer.outcome === 'recipient-refused') return { kind: 'failed', reason: 'The recipient was refused.', error };
  if (answer.code === stopping) return { kind: 'retry', delayMs: 0, error };
  const [next] = message.untried;
  if (next !== undefined) return { kind: 'next-esp', esp: next, error };
  const isPassing = answer.outcome === 'unavailable' || answer.reason === 'credentials' || message.mayTakeLater;
  if (!isPassing) return { kind: 'failed', reason: 'Every ESP refused the message for good.', error };
  const delayMs = retryDelayMs({
    attempts: message.attempts,
    ageMs: message.ageMs,
    lifetimeMs: message.lifetimeMs,
    retryAfterMs: answer.outcome === 'unavailable' ? answer.retryAfterMs : undefined,
    random,
  });
  return delayMs === undefined
    ? { kind: 'failed', reason: `No ESP took it within ${duration(message.lifetimeMs)}.`, error }
    : { kind: 'retry', delayMs, error };
};

/** Whether an answer speaks against the ESP's health: not when only the message or its recipient is to blame. */
export const isBadForHealth = (answer: DeliveryAnswer): boolean => {
  switch (answer.outcome) {
    case 'accepted':
    case 'recipient-refused':
      return false;
    case 'refused':
      return answer.reason === 'credentials';
    case 'unavailable':
    case 'unknown':
      return true;
    default:
      return answer satisfies never;
  }
};

import type { messageClasses } from '../contracts/email.ts';

export type MessageClass = (typeof messageClasses)[number];

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** How long a message of each class is worth trying, in ms from its acceptance. */
export type Lifetimes = Readonly<Record<MessageClass, number>>;

/** Where nobody says otherwise. A one-time code is dead after five minutes. */
export const usualLifetimesMs: Lifetimes = {
  otp: 5 * minute,
  transactional: 24 * hour,
  bulk: 72 * hour,
};
const firstDelayMs = 5 * second;
const maxDelayMs = 15 * minute;

/** How long an ambiguous attempt waits for the ESP's webhook to settle it before another may be made. */
export const unknownWindowMs: Readonly<Record<MessageClass, number>> = {
  otp: 3 * second,
  transactional: minute,
  bulk: 10 * minute,
};

/** Deadlines of one ESP call. */
export const callTimeouts = (messageClass: MessageClass): { connectTimeoutMs: number; totalTimeoutMs: number } =>
  messageClass === 'otp'
    ? { connectTimeoutMs: 3 * second, totalTimeoutMs: 10 * second }
    : { connectTimeoutMs: 5 * second, totalTimeoutMs: 30 * second };

/**
 * Delay in ms until a message that no ESP took is tried again, or undefined when its life is over. Doubles from 5 s to
 * 15 min with the number of tries so far; `random` (0–1) spreads the upper half; an ESP's own `retryAfterMs` is a floor.
 */
export const retryDelayMs = (tried: {
  readonly attempts: number;
  readonly ageMs: number;
  /** How long the message is worth trying, in ms from its acceptance. */
  readonly lifetimeMs: number;
  readonly retryAfterMs?: number | undefined;
  readonly random: number;
}): number | undefined => {
  const full = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(Math.max(0, tried.attempts - 1), 20));
  const delay = Math.max(full / 2 + (full / 2) * tried.random, tried.retryAfterMs ?? 0);
  return tried.ageMs + delay > tried.lifetimeMs ? undefined : Math.round(delay);
};

/** What an endpoint answered, or why it did not. */
export interface EndpointAnswer {
  /** Undefined where there was no answer. */
  readonly status: number | undefined;
  /** What it asked for by Retry-After, in ms. */
  readonly retryAfterMs: number | undefined;
}

export type NextTry =
  | { readonly state: 'delivered' }
  | { readonly state: 'due'; readonly waitMs: number }
  /** `gone`: the endpoint is no more, and nothing else is to be sent there. */
  | { readonly state: 'failed'; readonly gone: boolean };

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Pauses after each failed try; together a bit more than a day (the schedule that Standard Webhooks recommends). */
export const pausesMs = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 10 * hour] as const;
const longestMs = 24 * hour;

/**
 * Whether a call is over, or when it is made again; `tries` counts those up to now, this one included. Every 2xx is a success
 * and anything else is not; an endpoint's own Retry-After is a floor, of a day at most.
 */
export const decideNextTry = ({ status, retryAfterMs = 0 }: EndpointAnswer, tries: number): NextTry => {
  if (status !== undefined && status >= 200 && status < 300) return { state: 'delivered' };
  if (status === 410) return { state: 'failed', gone: true };
  const pauseMs = pausesMs[tries - 1];
  if (pauseMs === undefined) return { state: 'failed', gone: false };
  return { state: 'due', waitMs: Math.max(pauseMs, Math.min(retryAfterMs, longestMs)) };
};

/** Retry-After (RFC 9110 §10.2.3), seconds or a date, in ms from `nowMs`; undefined where it says neither. */
export const readRetryAfter = (text: string | undefined, nowMs: number): number | undefined => {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * second;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
};

import type { DeliveryAnswer } from './esp.ts';
import type { PostResult } from './http-post.ts';
import { cleanText } from './clean-text.ts';

type Refusal = Exclude<DeliveryAnswer, { outcome: 'accepted' }>;
type Failure = Extract<PostResult, { kind: 'failed' }>;

/** What a status says of a call: a row of the outcome rule (`docs`: definitely not sent, or ambiguous). */
export type StatusClass = 'credentials' | 'content' | 'throttled' | 'outage' | 'quota' | 'unknown';

// 503 is not here: it is an outage only with the provider's own words; a proxy in between says nothing of the send.
const statusClasses: Readonly<Record<number, StatusClass>> = {
  401: 'credentials',
  403: 'credentials',
  408: 'outage',
  429: 'throttled',
};

/**
 * The class of an HTTP status other than 2xx.
 * @param spokenByProvider whether the body is the provider's own error shape.
 */
export const classOfStatus = (status: number, spokenByProvider: boolean): StatusClass => {
  if (status === 503 && spokenByProvider) return 'outage';
  return statusClasses[status] ?? (status >= 400 && status < 500 ? 'content' : 'unknown');
};

/** An answer of the given class. `retryAfterMs` is told only where the provider named a time. */
export const refusal = (cls: StatusClass, code: string, text: string, retryAfterMs?: number): Refusal => {
  const detail = cleanText(text, 500);
  switch (cls) {
    case 'credentials':
    case 'content':
      return { outcome: 'refused', reason: cls, code, detail };
    case 'throttled':
    case 'outage':
    case 'quota':
      return {
        outcome: 'unavailable',
        reason: cls,
        code,
        detail,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      };
    case 'unknown':
      return { outcome: 'unknown', code, detail };
    default: {
      const never: never = cls;
      return never;
    }
  }
};

/** What a call without an answer tells: before the connection stood nothing was sent, after it nobody knows. */
export const failureAnswer = ({ connected, code, detail }: Failure): Refusal =>
  refusal(connected ? 'unknown' : 'outage', code, detail);

// A provider that names a day far off would otherwise take itself out of the fleet.
const longestWaitMs = 3_600_000;

const wait = (ms: number): number | undefined =>
  Number.isFinite(ms) ? Math.min(longestWaitMs, Math.max(0, Math.ceil(ms))) : undefined;

/**
 * How long to stay away, in ms from `now`: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else a header that
 * holds unix seconds. Undefined when neither is readable; at most one hour.
 */
export const retryAfterMs = (
  headers: Readonly<Record<string, unknown>>,
  now: Date,
  resetHeader?: string,
): number | undefined => {
  const after = headers['retry-after'];
  if (typeof after === 'string' && after.trim() !== '') {
    const ms = /^\s*\d+\s*$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now.getTime();
    if (Number.isFinite(ms)) return wait(ms);
  }
  const reset = resetHeader === undefined ? undefined : headers[resetHeader];
  if (typeof reset !== 'string' || !/^\d+$/.test(reset)) return undefined;
  return wait(Number(reset) * 1000 - now.getTime());
};

/** JSON of the text, or undefined: an answer of a provider is no reason to throw. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** A JSON object with any keys, or not one. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

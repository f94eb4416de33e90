import { cleanText } from '../clean-text.ts';
import type { DeliveryAnswer } from '../esp.ts';
import {
  classOfStatus,
  failureAnswer,
  isRecord,
  parseJson,
  refusal,
  retryAfterMs,
  type StatusClass,
} from '../outcome-of.ts';
import type { PostResult } from '../http-post.ts';

interface SparkpostError {
  readonly message: string;
  readonly code: string;
}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

/** The provider's own errors `[{ message, description, code }]`, or undefined when it is no such list. */
const errorsOf = (value: unknown): readonly SparkpostError[] | undefined =>
  Array.isArray(value)
    ? value.filter(isRecord).map((error) => ({
        message: [text(error['message']), text(error['description'])].filter((part) => part !== '').join(': '),
        code: text(error['code']),
      }))
    : undefined;

// developers.sparkpost.com/api/transmissions: of an idempotency key in use (1601) or used for another body (1600) the
// first call's fate is not known here, and that call may have mailed everybody.
const keyInUse: readonly string[] = ['1600', '1601'];
const ownLimitReached = 420;
// "At least one valid recipient is required"
const noValidRecipient = '5002';
// The documented wait is 1 to 5 s, growing; growing is up to the fleet.
const shortestWaitMs = 1_000;

const classOf = (status: number, errors: readonly SparkpostError[] | undefined): StatusClass => {
  if (status === ownLimitReached) return 'quota';
  if (status === 409 && errors?.some(({ code }) => keyInUse.includes(code))) return 'unknown';
  return classOfStatus(status, errors !== undefined);
};

/**
 * What the answer 200 tells. It only counts whom it took and whom not: with some of each, nobody can say who was
 * refused, so every delivery of the call is unknown until its webhooks tell.
 */
const takenAnswer = (parsed: unknown, recipients: number): DeliveryAnswer => {
  const results = isRecord(parsed) && isRecord(parsed['results']) ? parsed['results'] : {};
  const { id, total_accepted_recipients: accepted, total_rejected_recipients: rejected } = results;
  const providerMessageId = text(id);
  if (accepted === recipients && rejected === 0) {
    return { outcome: 'accepted', ...(providerMessageId === '' ? {} : { providerMessageId }) };
  }
  const [first] = errorsOf(results['rcpt_to_errors']) ?? [];
  if (accepted === 0 && rejected === recipients) {
    const detail = cleanText(first?.message ?? 'all recipients were refused', 500);
    return { outcome: 'recipient-refused', code: first?.code ?? '200', detail };
  }
  if (typeof accepted !== 'number' || typeof rejected !== 'number') {
    return refusal('unknown', 'EANSWER', 'taken, but the answer counts no recipients');
  }
  const counts = `${accepted} of ${recipients} recipients were taken and ${rejected} refused, unnamed`;
  return refusal('unknown', 'EPARTLY', `${counts}: ${first?.message ?? ''}`);
};

/**
 * What a call to `transmissions` tells about each of its `deliveries` (a count), which were `recipients` addresses with
 * their copies. It is the same for all of them.
 */
export const sparkpostAnswers = (
  result: PostResult,
  deliveries: number,
  recipients: number,
  now: Date,
): readonly DeliveryAnswer[] => {
  const all = (answer: DeliveryAnswer): readonly DeliveryAnswer[] => Array.from({ length: deliveries }, () => answer);
  if (result.kind === 'failed') return all(failureAnswer(result));
  const { status, headers, body } = result;
  const parsed = parseJson(body);
  if (status >= 200 && status < 300) return all(takenAnswer(parsed, recipients));
  const errors = isRecord(parsed) ? errorsOf(parsed['errors']) : undefined;
  const [first] = errors ?? [];
  const code = first === undefined || first.code === '' ? String(status) : `${status}/${first.code}`;
  const detail = errors?.map(({ message }) => message).join('; ') || `HTTP status ${status}`;
  if (status === 400 && first?.code === noValidRecipient) {
    return all({ outcome: 'recipient-refused', code, detail: cleanText(detail, 500) });
  }
  const wait = status === 429 ? (retryAfterMs(headers, now) ?? shortestWaitMs) : undefined;
  return all(refusal(classOf(status, errors), code, detail, wait));
};

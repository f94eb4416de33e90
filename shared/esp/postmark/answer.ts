import type { Delivery, DeliveryAnswer } from '../esp.ts';
import { cleanText } from '../clean-text.ts';
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

// ErrorCodes (postmarkapp.com/developer/api/overview#error-codes). They overlap with HTTP statuses in number only.
const errorClasses: Readonly<Record<number, StatusClass>> = {
  10: 'credentials',
  100: 'outage',
  405: 'quota',
  // The account waits for its approval (412) or may not send (413): no mail of it goes out.
  412: 'credentials',
  413: 'credentials',
};
const inactiveRecipient = 406;
const invalidRequest = 300;

// 300 is told for a bad From as well as for a bad To, and only its text says which.
const blamesRecipient = /'To'|\bTo address|recipient/i;

const answerOfCode = (code: number, message: string): DeliveryAnswer => {
  const recipientIsWhy = code === inactiveRecipient || (code === invalidRequest && blamesRecipient.test(message));
  return recipientIsWhy
    ? { outcome: 'recipient-refused', code: String(code), detail: cleanText(message, 500) }
    : refusal(errorClasses[code] ?? 'content', String(code), message);
};

const inactiveWords = /will not deliver to these inactive addresses?:(.*)$/is;

const itemAnswer = (item: unknown, { to }: Delivery): DeliveryAnswer => {
  if (!isRecord(item)) return { outcome: 'unknown', code: 'EANSWER', detail: 'a result that is no object' };
  const { ErrorCode: code, Message, MessageID: id } = item;
  const message = typeof Message === 'string' ? Message : '';
  if (typeof code === 'number' && code !== 0) return answerOfCode(code, message);
  const dropped = inactiveWords.exec(message)?.[1]?.toLowerCase();
  if (dropped?.split(/[\s,]+/).includes(to.email.toLowerCase())) return answerOfCode(inactiveRecipient, message);
  // Under load an item comes without ErrorCode and MessageID, and is accepted all the same.
  return { outcome: 'accepted', ...(typeof id === 'string' && id !== '' ? { providerMessageId: id } : {}) };
};

/** What a call to `/email/batch` tells about each of its deliveries, in their order. */
export const postmarkAnswers = (
  result: PostResult,
  deliveries: readonly Delivery[],
  now: Date,
): readonly DeliveryAnswer[] => {
  const all = (answer: DeliveryAnswer): readonly DeliveryAnswer[] => deliveries.map(() => answer);
  if (result.kind === 'failed') return all(failureAnswer(result));
  const { status, headers, body } = result;
  const parsed = parseJson(body);
  if (status >= 200 && status < 300) {
    if (!Array.isArray(parsed) || parsed.length !== deliveries.length) {
      return all(refusal('unknown', 'EANSWER', 'taken, but the answer does not list every message'));
    }
    const items: readonly unknown[] = parsed;
    return deliveries.map((delivery, index) => itemAnswer(items[index], delivery));
  }
  const code = isRecord(parsed) && typeof parsed['ErrorCode'] === 'number' ? parsed['ErrorCode'] : undefined;
  const message =
    isRecord(parsed) && typeof parsed['Message'] === 'string' ? parsed['Message'] : `HTTP status ${status}`;
  // What is said of a call with one message is said of the message.
  if (status === 422 && code !== undefined && deliveries.length === 1) return [answerOfCode(code, message)];
  const statusClass = classOfStatus(status, code !== undefined);
  const cls = statusClass === 'content' && code !== undefined ? (errorClasses[code] ?? statusClass) : statusClass;
  const wait = status === 429 ? retryAfterMs(headers, now) : undefined;
  return all(refusal(cls, code === undefined ? String(status) : `${status}/${code}`, message, wait));
};

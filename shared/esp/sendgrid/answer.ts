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

interface SendgridError {
  readonly message: string;
  readonly field: string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The provider's own error shape `{ errors: [{ message, field }] }`, or undefined when somebody else answered. */
const errorsOf = (body: string): readonly SendgridError[] | undefined => {
  const parsed = parseJson(body);
  if (!isRecord(parsed) || !Array.isArray(parsed['errors'])) return undefined;
  return parsed['errors']
    .filter(isRecord)
    .map((error) => ({ message: text(error['message']), field: text(error['field']) }));
};

// An account without credits is told by 401 and these words, though nothing is wrong with the key.
const quotaWords = /maximum credits exceeded|exceeded your messaging limits/i;
// A sender that the account does not know is told by 403 and the field: it is this mail's fault and not the account's.
const fromField = /^from\b/;
const toField = /^personalizations\.(\d+)\.to\.\d+\.email$/;

const classOf = (status: number, errors: readonly SendgridError[] | undefined): StatusClass => {
  const cls = classOfStatus(status, errors !== undefined);
  if (cls !== 'credentials' || errors === undefined || errors.length === 0) return cls;
  if (errors.some(({ message }) => quotaWords.test(message))) return 'quota';
  return status === 403 && errors.every(({ field }) => fromField.test(field)) ? 'content' : cls;
};

/**
 * What a call to `mail/send` tells about each of its `count` deliveries. SendGrid takes all or none; of a refused call
 * only the recipients whose address it names are to blame, the others may go elsewhere.
 */
export const sendgridAnswers = (result: PostResult, count: number, now: Date): readonly DeliveryAnswer[] => {
  const all = (answer: DeliveryAnswer): readonly DeliveryAnswer[] => Array.from({ length: count }, () => answer);
  if (result.kind === 'failed') return all(failureAnswer(result));
  const { status, headers, body } = result;
  if (status >= 200 && status < 300) {
    const id = headers['x-message-id'];
    return all({ outcome: 'accepted', ...(typeof id === 'string' && id !== '' ? { providerMessageId: id } : {}) });
  }
  const errors = errorsOf(body);
  const detail = errors?.map(({ message, field }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  const cls = classOf(status, errors);
  const wait = cls === 'throttled' || cls === 'quota' ? retryAfterMs(headers, now, 'x-ratelimit-reset') : undefined;
  const answers = [...all(refusal(cls, String(status), detail ?? `HTTP status ${status}`, wait))];
  for (const { message, field } of status === 400 ? (errors ?? []) : []) {
    const place = Number(toField.exec(field)?.[1] ?? NaN);
    if (answers[place] !== undefined) answers[place] = { outcome: 'recipient-refused', code: '400', detail: message };
  }
  return answers;
};

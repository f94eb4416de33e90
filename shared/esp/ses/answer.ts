import { cleanText } from '../clean-text.ts';
import type { DeliveryAnswer } from '../esp.ts';
import { classOfStatus, failureAnswer, isRecord, parseJson, refusal, type StatusClass } from '../outcome-of.ts';
import type { PostResult } from '../http-post.ts';
import { lookUp } from '../webhook-item.ts';

type Answered = Extract<PostResult, { kind: 'answered' }>;

/** BulkEmailEntryResult.Status. What stops the account stands with the credentials: no mail of it will go out. */
const entryClasses: Readonly<Record<string, StatusClass>> = {
  TRANSIENT_FAILURE: 'outage',
  ACCOUNT_THROTTLED: 'throttled',
  ACCOUNT_DAILY_QUOTA_EXCEEDED: 'quota',
  MESSAGE_REJECTED: 'content',
  INVALID_PARAMETER: 'content',
  FAILED: 'content',
  TEMPLATE_NOT_FOUND: 'content',
  ACCOUNT_SUSPENDED: 'credentials',
  ACCOUNT_SENDING_PAUSED: 'credentials',
  CONFIGURATION_SET_SENDING_PAUSED: 'credentials',
  CONFIGURATION_SET_NOT_FOUND: 'credentials',
  MAIL_FROM_DOMAIN_NOT_VERIFIED: 'credentials',
  INVALID_SENDING_POOL_NAME: 'credentials',
};

/** Names of call errors whose class their HTTP status alone does not tell. */
const errorClasses: Readonly<Record<string, StatusClass>> = {
  AccountSuspendedException: 'credentials',
  SendingPausedException: 'credentials',
  MailFromDomainNotVerifiedException: 'credentials',
  NotFoundException: 'credentials',
  IncompleteSignature: 'credentials',
  ExpiredTokenException: 'credentials',
  UnrecognizedClientException: 'credentials',
  LimitExceededException: 'quota',
  ThrottlingException: 'throttled',
};

const quotaWords = /quota/i;
// The API has one error for every invalid parameter, and only its text says which.
const blamesRecipient = /missing final '@domain'|illegal address|invalid (to|recipient|destination)|domain contains/i;

const rateWaitMs = 1_000;
const quotaWaitMs = 3_600_000;
const waitOf: Partial<Readonly<Record<StatusClass, number>>> = { throttled: rateWaitMs, quota: quotaWaitMs };

const answerOf = (cls: StatusClass, code: string, text: string): DeliveryAnswer => {
  if (cls === 'content' && blamesRecipient.test(text)) {
    return { outcome: 'recipient-refused', code, detail: cleanText(text, 500) };
  }
  return refusal(cls, code, text, waitOf[cls]);
};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const accepted = (id: unknown): DeliveryAnswer => ({
  outcome: 'accepted',
  ...(typeof id === 'string' && id !== '' ? { providerMessageId: id } : {}),
});

const entryAnswer = (entry: unknown): DeliveryAnswer => {
  const { Status: status, Error: error, MessageId: id } = isRecord(entry) ? entry : {};
  if (status === 'SUCCESS') return accepted(id);
  const cls = lookUp(entryClasses, status) ?? 'unknown';
  return answerOf(cls, textOf(status) || 'EANSWER', textOf(error) || `status ${textOf(status)}`);
};

/** The error's name: a header, or `__type` in the body, each with something before `#` or after `:` at times. */
const errorName = ({ headers }: Answered, body: unknown): string | undefined => {
  const inHeader = headers['x-amzn-errortype'];
  const inBody = isRecord(body) ? (body['__type'] ?? body['code']) : undefined;
  const full = textOf(inHeader) || textOf(inBody);
  const name = full.split(':')[0]?.split('#').pop();
  return name === '' ? undefined : name;
};

const callAnswer = (result: Answered, body: unknown): DeliveryAnswer => {
  const { status } = result;
  const name = errorName(result, body);
  const message = isRecord(body) ? textOf(body['message'] ?? body['Message']) : '';
  const code = name === undefined ? String(status) : `${status}/${name}`;
  const statusClass = classOfStatus(status, name !== undefined);
  const named = status < 500 ? (lookUp(errorClasses, name) ?? statusClass) : statusClass;
  const cls = named === 'throttled' && quotaWords.test(message) ? 'quota' : named;
  return answerOf(cls, code, message || name || `HTTP status ${status}`);
};

/** What a call of SES tells about each of its `count` deliveries, in their order. */
export const sesAnswers = (result: PostResult, kind: 'bulk' | 'single', count: number): readonly DeliveryAnswer[] => {
  const all = (answer: DeliveryAnswer): readonly DeliveryAnswer[] => Array.from({ length: count }, () => answer);
  if (result.kind === 'failed') return all(failureAnswer(result));
  const body = parseJson(result.body);
  if (result.status < 200 || result.status >= 300) return all(callAnswer(result, body));
  if (!isRecord(body)) return all(refusal('unknown', 'EANSWER', 'taken, but the answer is no JSON object'));
  if (kind === 'single') return all(accepted(body['MessageId']));
  const entries: unknown = body['BulkEmailEntryResults'];
  if (!Array.isArray(entries) || entries.length !== count) {
    return all(refusal('unknown', 'EANSWER', 'taken, but the answer does not list every entry'));
  }
  return entries.map(entryAnswer);
};

import { cleanText } from '../clean-text.ts';
import type { Delivery, DeliveryAnswer } from '../esp.ts';
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

// ErrorCodes of the Injection API, of a call and of a message. What is in no row may have been taken: so is
// InternalError, which tells that they failed but not when.
const errorClasses: Readonly<Record<string, StatusClass>> = {
  InvalidAuthentication: 'credentials',
  AccountDisabled: 'credentials',
  OverQuota: 'quota',
  TooManyErrors: 'throttled',
  InvalidData: 'content',
  NoMessages: 'content',
  EmptyMessage: 'content',
  TooManyMessages: 'content',
  TooManyRecipients: 'content',
  InvalidAttachment: 'content',
  MessageTooLarge: 'content',
  EmptySubject: 'content',
  EmptyToAddress: 'content',
  InvalidFromAddress: 'content',
  NoValidBodyParts: 'content',
  InvalidMergeData: 'content',
  InvalidTemplateId: 'content',
  MessageBodyConflict: 'content',
};
// No address of the call is one.
const noValidRecipients = 'NoValidRecipients';
// What a message bears that was taken but for the addresses it names.
const takenCodes: readonly string[] = ['', 'Success', 'Warning', 'InvalidAddress'];

type Fields = Readonly<Record<string, unknown>>;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const fieldsOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);

const refusedRecipient = (code: string): DeliveryAnswer => ({
  outcome: 'recipient-refused',
  code: cleanText(code, 100),
  detail: 'SocketLabs refused the address',
});

const answerOfCode = (code: string, detail: string): DeliveryAnswer =>
  code === noValidRecipients
    ? refusedRecipient(code)
    : refusal(Object.hasOwn(errorClasses, code) ? (errorClasses[code] ?? 'unknown') : 'unknown', code, detail);

/** A call of which something failed: the message as a whole, or the addresses that it names. */
const partlyTaken = (results: readonly Fields[], deliveries: readonly Delivery[], accepted: DeliveryAnswer) => {
  const [message] = results;
  const code = text(message?.['ErrorCode']);
  const refused = new Map(
    fieldsOf(message?.['AddressResults'])
      .filter((result) => result['Accepted'] !== true)
      .map((result) => [text(result['EmailAddress']).toLowerCase(), text(result['ErrorCode'])]),
  );
  const isFatal = !takenCodes.includes(code);
  // A warning about nothing and nobody says that something failed, but not what.
  const isVague = message === undefined || (!isFatal && refused.size === 0);
  return deliveries.map(({ to }): DeliveryAnswer => {
    const addressCode = refused.get(to.email.toLowerCase());
    if (isVague) return refusal('unknown', 'EANSWER', 'SocketLabs warns without saying of what');
    if (addressCode !== undefined) return refusedRecipient(addressCode);
    return isFatal ? answerOfCode(code, `SocketLabs answers ${code}`) : accepted;
  });
};

/**
 * What a call with one message tells about each of its deliveries, in their order. Failures too come with HTTP 200.
 * @param callId the message id that we gave the call, by which its events are known.
 */
export const socketlabsAnswers = (
  result: PostResult,
  deliveries: readonly Delivery[],
  callId: string,
  now: Date,
): readonly DeliveryAnswer[] => {
  const all = (answer: DeliveryAnswer): readonly DeliveryAnswer[] => deliveries.map(() => answer);
  if (result.kind === 'failed') return all(failureAnswer(result));
  const { status, headers, body } = result;
  const parsed = parseJson(body);
  const code = isRecord(parsed) ? text(parsed['ErrorCode']) : '';
  if (status < 200 || status >= 300) {
    const wait = status === 429 ? retryAfterMs(headers, now) : undefined;
    const statusClass = classOfStatus(status, code !== '');
    const cls = statusClass === 'content' && Object.hasOwn(errorClasses, code) ? errorClasses[code] : undefined;
    return all(
      refusal(cls ?? statusClass, code === '' ? String(status) : `${status}/${code}`, `HTTP status ${status}`, wait),
    );
  }
  const accepted: DeliveryAnswer = { outcome: 'accepted', providerMessageId: callId };
  if (code === 'Success') return all(accepted);
  if (code === 'Warning') {
    return partlyTaken(isRecord(parsed) ? fieldsOf(parsed['MessageResults']) : [], deliveries, accepted);
  }
  if (code === '') return all(refusal('unknown', 'EANSWER', 'taken, but by an answer that is not of SocketLabs'));
  return all(answerOfCode(code, `SocketLabs answers ${code}`));
};

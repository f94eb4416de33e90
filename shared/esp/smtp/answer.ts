import { cleanText } from '../clean-text.ts';
import type { DeliveryAnswer } from '../esp.ts';
import { refusal, type StatusClass } from '../outcome-of.ts';
import type { SmtpFailure, SmtpResult } from './connection.ts';
import type { SmtpMessage } from './payload.ts';

// RFC 5321 §4.2.1 and §4.2.3, RFC 4954 §6. What is not here: 4xx says "later", 5xx "not this message".
const replyClasses: Readonly<Record<number, StatusClass>> = {
  421: 'outage',
  454: 'outage',
  // "Bad sequence of commands": our dialogue went wrong, and neither message nor recipient is to blame.
  503: 'outage',
  530: 'credentials',
  534: 'credentials',
  535: 'credentials',
  538: 'credentials',
};

const classOfReply = (code: number): StatusClass => replyClasses[code] ?? (code < 500 ? 'throttled' : 'content');

// RFC 3463 §3.8: X.7.X is a matter of policy or trust, so the sender is to blame and another ESP may be trusted.
const blamesPolicy = (response: string): boolean => /^\d{3}[ -]\d\.7\.\d/.test(response);

/** What the relay's refusal of the recipient's own address says; a later try and another ESP are not ours to decide. */
const answerOfRejection = (code: number | undefined, response: string): DeliveryAnswer => {
  if (code === undefined || code < 500 || blamesPolicy(response) || replyClasses[code] !== undefined) {
    return refusal(classOfReply(code ?? 450), String(code ?? 'EENVELOPE'), response);
  }
  return { outcome: 'recipient-refused', code: String(code), detail: cleanText(response, 500) };
};

const answerOfFailure = ({ phase, code, responseCode, detail }: SmtpFailure): DeliveryAnswer => {
  if (responseCode === undefined) {
    if (code === 'EAUTH') return refusal('credentials', code, detail);
    // Our side refused it before a byte was written: too large for this relay, or no address that can be written.
    if (phase === 'envelope' && (code === 'EMESSAGE' || code === 'EENVELOPE')) return refusal('content', code, detail);
    return refusal(phase === 'ended' ? 'unknown' : 'outage', code, detail);
  }
  const reply = String(responseCode);
  // With 421 a relay closes whatever goes on, which may not be its answer to the message.
  if (phase === 'ended' && responseCode === 421) return refusal('unknown', reply, detail);
  if (phase !== 'connect') return refusal(classOfReply(responseCode), reply, detail);
  // Nothing was said of the message yet: what stands in the way is the login or the relay itself.
  return refusal(code === 'EAUTH' && responseCode >= 500 ? 'credentials' : 'outage', reply, detail);
};

/**
 * What a relay's answer tells about a delivery. A copy (cc, bcc) that was refused takes nothing from it; a recipient
 * that was refused while a copy was taken is refused all the same.
 */
export const smtpAnswer = (result: SmtpResult, { envelope, messageId }: SmtpMessage): DeliveryAnswer => {
  const own = result.rejected.find(({ recipient }) => recipient === envelope.to[0]);
  if (own !== undefined) return answerOfRejection(own.responseCode, own.response);
  return result.kind === 'taken' ? { outcome: 'accepted', providerMessageId: messageId } : answerOfFailure(result);
};

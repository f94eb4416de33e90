// Calls that are made again. An ESP that knows its own repeats (SparkPost, by its Idempotency-Key) mails nobody twice when a
// call of which nobody knows the end is made again as it was: with all its messages, whatever became of some of them since.
import type { DueMessage } from '../../shared/db/claim-messages.ts';
import type { Database } from '../../shared/db/connect.ts';
import { callsUnder, loadRecipients, type StoredRecipient } from '../../shared/db/esp-calls.ts';
import type { MessageClass } from '../../shared/domain/next-attempt.ts';
import { deliveryOf, type OpenSealed } from './claimed-message.ts';
import type { CompiledMail } from './compile-mail.ts';
import { askConsent, type AskedMessage } from './consumer-consent.ts';
import type { RepeatedCall } from './deliver-messages.ts';

// Then the message goes elsewhere, and says so: an ESP that answers nobody must not keep its mail for ever.
const mostRepeats = 2;

/** Whether a message's earlier call may be made again. A one-time code has no time for it: it goes elsewhere at once. */
export const canRepeat = (
  message: Pick<DueMessage, 'attempt' | 'esp' | 'unsure'>,
  messageClass: MessageClass,
  knowRepeats: ReadonlySet<string>,
): boolean =>
  message.unsure !== undefined &&
  message.unsure.isRecent &&
  knowRepeats.has(message.esp) &&
  messageClass !== 'otp' &&
  message.attempt - message.unsure.attempt < mostRepeats;

/**
 * The calls to be made again for these messages, by message id. The mail, which all messages of such a call share, makes the
 * call; it is the same object for all of them. A call with a recipient or copy that must not be mailed any more is not made
 * again: nobody knows whether it was taken, and to leave somebody out would make another call of it.
 */
export const repeatsAmong = async (
  db: Database,
  messages: readonly DueMessage[],
  askedOf: (message: DueMessage) => AskedMessage,
  openSealed: OpenSealed,
): Promise<ReadonlyMap<string, (mail: CompiledMail) => RepeatedCall>> => {
  const noted = await callsUnder(db, [...new Set(messages.flatMap(({ unsure }) => unsure?.leaseToken ?? []))]);
  const recipients = await loadRecipients(
    db,
    noted.flatMap(({ messageIds }) => messageIds),
  );
  // All messages of a call are of one request, and so of one account, class and list.
  const leased = new Map(messages.map((message) => [message.unsure?.leaseToken, message]));
  const askedIn = (call: (typeof noted)[number]): AskedMessage[] => {
    const message = leased.get(call.leaseToken);
    if (message === undefined) return [];
    return call.messageIds.flatMap((id) => {
      const recipient = recipients.get(id);
      return recipient === undefined ? [] : [{ ...askedOf(message), email: recipient.email, data: recipient.data }];
    });
  };
  const consent = await askConsent(db, noted.flatMap(askedIn));
  const isRefused = (asked: AskedMessage): boolean =>
    consent.reasonAgainst(asked) !== undefined || consent.dataOf(asked) !== asked.data;
  const refused = new Set(noted.filter((call) => askedIn(call).some(isRefused)).map(({ id }) => id));
  const callOf = new Map<string, ((mail: CompiledMail) => RepeatedCall) | null>();
  for (const call of noted) {
    const members = call.messageIds.map((id, index) => ({
      recipient: recipients.get(id),
      attempt: call.attempts[index],
    }));
    const made = refused.has(call.id) ? null : makeOnce(members, openSealed);
    call.messageIds.forEach((id, index) => {
      callOf.set(`${call.leaseToken} ${call.esp} ${id} ${call.attempts[index] ?? 0}`, made);
    });
  }
  return new Map(
    messages.flatMap((message) => {
      const { attempt = 0, leaseToken = '' } = message.unsure ?? {};
      const call = callOf.get(`${leaseToken} ${message.esp} ${message.id} ${attempt}`);
      // What was never noted was alone in its call, or its call was never made.
      return call === null
        ? []
        : [[message.id, call ?? makeOnce([{ recipient: message, attempt }], openSealed)] as const];
    }),
  );
};

const makeOnce = (
  members: readonly { readonly recipient: StoredRecipient | undefined; readonly attempt: number | undefined }[],
  openSealed: OpenSealed,
): ((mail: CompiledMail) => RepeatedCall) => {
  let made: RepeatedCall | undefined;
  return (mail) =>
    (made ??= {
      deliveries: members.flatMap(({ recipient, attempt }) =>
        recipient === undefined || attempt === undefined ? [] : [deliveryOf(mail, recipient, attempt, openSealed)],
      ),
    });
};

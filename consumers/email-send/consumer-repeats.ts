// Calls that are made again. An ESP that knows its own repeats (SparkPost, by its Idempotency-Key) mails nobody twice when a
// call of which nobody knows the end is made again as it was: with all its messages, whatever became of some of them since.
import type { DueMessage } from '../../shared/db/claim-messages.ts';
import type { Database } from '../../shared/db/connect.ts';
import { callsUnder, loadRecipients, type StoredRecipient } from '../../shared/db/esp-calls.ts';
import type { MessageClass } from '../../shared/domain/next-attempt.ts';
import { deliveryOf, type OpenSealed } from './claimed-message.ts';
import type { CompiledMail } from './compile-mail.ts';
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
 * call; it is the same object for all of them.
 */
export const repeatsAmong = async (
  db: Database,
  messages: readonly DueMessage[],
  openSealed: OpenSealed,
): Promise<ReadonlyMap<string, (mail: CompiledMail) => RepeatedCall>> => {
  const noted = await callsUnder(db, [...new Set(messages.flatMap(({ unsure }) => unsure?.leaseToken ?? []))]);
  const recipients = await loadRecipients(
    db,
    noted.flatMap(({ messageIds }) => messageIds),
  );
  const callOf = new Map<string, (mail: CompiledMail) => RepeatedCall>();
  for (const call of noted) {
    const members = call.messageIds.map((id, index) => ({
      recipient: recipients.get(id),
      attempt: call.attempts[index],
    }));
    const made = makeOnce(members, openSealed);
    call.messageIds.forEach((id, index) => {
      callOf.set(`${call.leaseToken} ${call.esp} ${id} ${call.attempts[index] ?? 0}`, made);
    });
  }
  return new Map(
    messages.map((message) => {
      const { attempt = 0, leaseToken = '' } = message.unsure ?? {};
      const call = callOf.get(`${leaseToken} ${message.esp} ${message.id} ${attempt}`);
      // What was never noted was alone in its call, or its call was never made.
      return [message.id, call ?? makeOnce([{ recipient: message, attempt }], openSealed)];
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

// Who must not be mailed, asked in one statement for all recipients and copies of a batch, inside the transaction that claims.
import type { RecipientData } from '../../shared/db/claim-messages.ts';
import type { Database } from '../../shared/db/connect.ts';
import { loadSuppressions, type FindSuppression } from '../../shared/db/suppressions.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import { suppressedBecause, type MailKind } from '../../shared/domain/suppression.ts';

/** A message as far as consent goes. */
export interface AskedMessage extends MailKind {
  readonly accountId: string;
  readonly email: string;
  readonly data: RecipientData | null;
}

const emailOf = (text: string): string => parseAddress(text)?.email ?? text;

/** What was found of the messages that were asked about. */
export interface Consent {
  /** Why a message must not be sent, in a sentence; undefined when it may be. */
  reasonAgainst(message: AskedMessage): string | undefined;
  /** Its data without the copies that must not be sent; the very same data when all may be. */
  dataOf(message: AskedMessage): RecipientData | null;
}

const consentBy = (find: FindSuppression): Consent => {
  const isFine = (message: AskedMessage) => (address: string) =>
    find(message.accountId, emailOf(address), message) === undefined;
  return {
    reasonAgainst: (message) => {
      const found = find(message.accountId, message.email, message);
      return found && suppressedBecause(found);
    },
    dataOf: (message) => {
      const { data } = message;
      const { cc, bcc } = data ?? {};
      if ([...(cc ?? []), ...(bcc ?? [])].every(isFine(message))) return data;
      return { ...data, cc: cc?.filter(isFine(message)), bcc: bcc?.filter(isFine(message)) };
    },
  };
};

/** Asks about messages and their copies: one statement, none without messages. */
export const askConsent = async (db: Database, messages: readonly AskedMessage[]): Promise<Consent> =>
  consentBy(
    await loadSuppressions(
      db,
      messages.flatMap(({ accountId, email, data }) => [
        { accountId, email },
        ...[...(data?.cc ?? []), ...(data?.bcc ?? [])].map((copy) => ({ accountId, email: emailOf(copy) })),
      ]),
    ),
  );

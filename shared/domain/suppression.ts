import { createHash } from 'node:crypto';
import { suppressionScopes, type SuppressionReason, type SuppressionScope } from '../contracts/suppressions-api.ts';

/** What of a mail decides whether a suppression keeps it back. */
export interface MailKind {
  readonly messageClass: string;
  /** The list it names; null for none. */
  readonly list: string | null;
}

export interface Suppression {
  readonly reason: SuppressionReason;
  readonly scope: SuppressionScope;
  /** Empty unless the scope is `list`. */
  readonly list: string;
}

/** An address as suppressions know it: in any case it is one mailbox, and erased recipients are known by the hash alone. */
export const recipientHash = (email: string): Buffer => createHash('sha256').update(email.toLowerCase()).digest();

/** Mail that nobody waits for: the class `bulk`, and whatever names a list to unsubscribe from. */
export const isPromotional = ({ messageClass, list }: MailKind): boolean =>
  messageClass !== 'otp' && (messageClass === 'bulk' || list !== null);

/**
 * Whether a suppression keeps a mail back. A code is asked for by whoever stands at the door, so only an address that does not
 * exist keeps it back; a receipt still flows when news was unsubscribed or complained about.
 */
export const isKeptBack = (suppression: Suppression, mail: MailKind): boolean => {
  switch (suppression.scope) {
    case 'all':
      return true;
    case 'all-but-codes':
      return mail.messageClass !== 'otp';
    case 'promotional':
      return isPromotional(mail);
    case 'list':
      return mail.messageClass !== 'otp' && mail.list === suppression.list;
  }
};

/**
 * What a new suppression covers. `about` is the mail that it came from, where it came from one: a complaint or an
 * unsubscription at an ESP that names no list is about promotional mail, unless the mail itself was none.
 */
export const scopeOf = (
  reason: SuppressionReason,
  list: string | null,
  about: MailKind | undefined,
): SuppressionScope => {
  if (list !== null) return 'list';
  switch (reason) {
    case 'hard-bounce':
    case 'manual':
    case 'import':
      return 'all';
    case 'soft-bounces':
      return 'all-but-codes';
    case 'complaint':
    case 'unsubscribe':
      return about === undefined || isPromotional(about) ? 'promotional' : 'all-but-codes';
  }
};

const words: Readonly<Record<SuppressionReason, string>> = {
  'hard-bounce': 'its address bounced for good',
  'soft-bounces': 'its address bounced many times in a row',
  complaint: 'the recipient complained',
  unsubscribe: 'the recipient unsubscribed',
  manual: 'its address was put on the suppression list',
  import: 'its address was imported into the suppression list',
};

/** Why a message was kept back, for its owner. */
export const suppressedBecause = ({ reason, scope, list }: Suppression): string =>
  `Not sent: ${words[reason]}${scope === 'list' ? ` (list ${list})` : ''}.`;

/** The one of several that says most: the widest, then in the order of the reasons. */
export const widestOf = <S extends Suppression>(found: readonly S[]): S | undefined =>
  [...found].sort((a, b) => suppressionScopes.indexOf(b.scope) - suppressionScopes.indexOf(a.scope))[0];

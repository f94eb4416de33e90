// Who must not be mailed any more, by what is told of their mail; written with the events, once each.
import type { SuppressionReason } from '../../shared/contracts/suppressions-api.ts';
import type { Database } from '../../shared/db/connect.ts';
import { loadBounceHistory, loadMailed, type MailedRecipient } from '../../shared/db/suppressing-events.ts';
import { addSuppressions, type NewSuppression } from '../../shared/db/suppressions.ts';
import { erasedAddress } from '../../shared/domain/erase-from-payload.ts';
import { isSoftBounced } from '../../shared/domain/soft-bounces.ts';
import { scopeOf } from '../../shared/domain/suppression.ts';
import type { StorableEvent } from './fold-events.ts';

// A bounce without a class counts as a hard one, as it does for the domain's verdict.
const reasonOf = ({ event }: StorableEvent): SuppressionReason | undefined => {
  if (event.type === 'complained') return 'complaint';
  if (event.type === 'unsubscribed') return 'unsubscribe';
  if (event.type !== 'bounced') return undefined;
  return event.bounceClass === 'soft' ? 'soft-bounces' : 'hard-bounce';
};

const suppressionOf = (
  { event, messageId }: StorableEvent,
  reason: SuppressionReason,
  mailed: MailedRecipient | undefined,
): NewSuppression | undefined => {
  const source = { esp: event.esp, messageId };
  // One of our own links says itself whom it is about: its mail may be gone by then.
  if (event.unsubscribe !== undefined && event.recipient !== undefined) {
    const { accountId, list } = event.unsubscribe;
    return { ...source, accountId, email: event.recipient, reason, list, scope: 'list' };
  }
  if (mailed === undefined || mailed.email === erasedAddress) return undefined;
  const list = reason === 'unsubscribe' ? mailed.list : null;
  const { accountId, email } = mailed;
  return { ...source, accountId, email, reason, list: list ?? '', scope: scopeOf(reason, list, mailed) };
};

/** Suppresses recipients by events that were stored for the first time. No statement where none of them could. */
export const suppressByEvents = async (db: Database, stored: readonly StorableEvent[]): Promise<void> => {
  const telling = stored.flatMap((event) => {
    const reason = reasonOf(event);
    return reason === undefined || (event.messageId === undefined && event.event.unsubscribe === undefined)
      ? []
      : [{ event, reason }];
  });
  if (telling.length === 0) return;
  const ids = new Set(telling.flatMap(({ event }) => event.messageId ?? []));
  const mailed = new Map((await loadMailed(db, [...ids])).map((one) => [one.messageId, one]));
  const found = telling.flatMap(({ event, reason }) => {
    const suppression = suppressionOf(event, reason, mailed.get(event.messageId ?? ''));
    return suppression === undefined ? [] : [suppression];
  });
  const history = await loadBounceHistory(
    db,
    found.filter(({ reason }) => reason === 'soft-bounces'),
  );
  const now = Date.now();
  const nameOf = ({ accountId, email }: NewSuppression): string => `${accountId} ${email.toLowerCase()}`;
  await addSuppressions(
    db,
    found.filter((one) => one.reason !== 'soft-bounces' || isSoftBounced(history.get(nameOf(one)) ?? [], now)),
  );
};

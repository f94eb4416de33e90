import { maySendFrom } from './sender-domain.ts';
import { parseAddress } from './email-address.ts';

/**
 * Who mail is from that names no sender itself (codes, tasks, gRPC): `mailFrom` (MAIL_FROM) where the account may send from
 * its domain, else no-reply@ the first domain that is the account's. Undefined when there is neither.
 */
export const fleetSender = (senderDomains: readonly string[], mailFrom: string | undefined): string | undefined => {
  const domain = mailFrom === undefined ? undefined : parseAddress(mailFrom)?.domain;
  if (domain !== undefined && maySendFrom(senderDomains, domain)) return mailFrom;
  const own = senderDomains.find((entry) => entry !== '*');
  return own === undefined ? undefined : `no-reply@${own.replace(/^\*\./, '')}`;
};

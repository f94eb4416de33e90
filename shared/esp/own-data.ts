import type { Delivery } from './esp.ts';

// What every adapter puts into its provider's field for own data, and reads again from its webhooks.

/** Whether a name in that field is one of ours (`mf_…`): a caller's metadata must not pass for it. */
export const isOurName = (name: string): boolean => /^mf_/i.test(name);

/** Whether others get the mail of a delivery as well, so that their events bear its ids. */
export const hasCopies = ({ cc, bcc }: Pick<Delivery, 'cc' | 'bcc'>): boolean => cc.length + bcc.length > 0;

/**
 * Whether an event is about one who got a copy: what becomes of copies is no news of the message's own recipient.
 * @param intended the recipient as it travelled beside copies; undefined where there were none.
 */
export const isOfCopy = (intended: string | undefined, recipient: string | undefined): boolean =>
  intended !== undefined && recipient !== undefined && intended.toLowerCase() !== recipient.toLowerCase();

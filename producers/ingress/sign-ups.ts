// Signing up for a key of the tasks seed, and ending it: nothing works that a mailbox or an administrator has not confirmed.
import { createHash, randomBytes } from 'node:crypto';
import type { EmailRequest } from '../../shared/contracts/email.ts';
import { endSignUp, signUp, takeMailing } from '../../shared/db/sign-ups.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import { fleetSender } from '../../shared/domain/fleet-sender.ts';
import { messageIdsOf } from '../../shared/domain/request-ids.ts';
import { sealValue } from '../../shared/domain/sealed-value.ts';
import { fleetAdmin } from './check-key.ts';
import type { CodeDoor } from './one-time-codes.ts';
import { Refusal } from './refusal.ts';
import type { LinkPurpose, SignUpKeys } from './sign-up-keys.ts';
import { submitEmail } from './submit-email.ts';

export interface SignUpDoor extends CodeDoor {
  /** Undefined: the fleet has no secret, and signs no keys. */
  readonly signUpKeys: SignUpKeys | undefined;
  /** Where others reach the ingress. */
  readonly publicUrl: string;
}

const words: Readonly<Record<LinkPurpose, { readonly subject: string; readonly text: string }>> = {
  confirm: {
    subject: 'Confirm your key',
    text: 'Somebody signed up for a key with this address. If it was you, confirm it here within a day:\n\n{{ link }}\n\nIf not, you need not do anything.\n',
  },
  deregister: {
    subject: 'Shall your key be removed?',
    text: 'Somebody asked for the key of this address to be removed. If it was you, confirm it here within a day:\n\n{{ link }}\n\nIf not, you need not do anything: the key goes on working.\n',
  },
};

const normalised = (id: string): string => id.trim().toLowerCase();

/** An account of its own for each id, so that nobody reaches another's codes, subscriptions or content. */
const accountOf = (id: string): string => `signup-${createHash('sha256').update(id).digest('hex').slice(0, 24)}`;

// The link is sealed: whoever reads the tables or the topics must not be able to confirm for somebody else.
const mailLink = async (
  door: SignUpDoor,
  keys: SignUpKeys,
  purpose: LinkPurpose,
  { id, keyId }: { readonly id: string; readonly keyId: string },
): Promise<void> => {
  const to = parseAddress(id);
  const from = fleetSender(fleetAdmin.senderDomains, door.codes.mailFrom);
  if (to === undefined || from === undefined || door.codes.keys === undefined) return;
  const link = `${door.publicUrl.replace(/\/+$/, '')}/auth/confirm/${await keys.makeLink(purpose, id, keyId)}`;
  const requestId = door.newRequestId();
  const sealed = { link: sealValue(door.codes.keys.seal, messageIdsOf(requestId)(0), link, randomBytes(12)) };
  const recipients = [{ email: to.email, sealed }];
  const request: EmailRequest = { from, ...words[purpose], recipients };
  await submitEmail(door, fleetAdmin, request, { requestId });
};

/**
 * Signs an id up and answers its key. It is pending until its mailbox (a mail is sent where the id is an address) or an
 * administrator has confirmed it; with `isOpen` it works at once. Undefined when the id is signed up already.
 */
export const signUpFor = async (
  door: SignUpDoor,
  givenId: string,
  { isOpen, onFault }: { readonly isOpen: boolean; readonly onFault: (error: unknown) => void },
): Promise<string | undefined> => {
  const { signUpKeys: keys, codes, pool } = door;
  if (keys === undefined) throw new Refusal('not-allowed', 'Keys need JWT_SECRET, which this fleet does not have.');
  const id = normalised(givenId);
  const keyId = door.newId('sgn_');
  const domain = codes.mailFrom === undefined ? undefined : parseAddress(codes.mailFrom)?.domain;
  const isNew = await signUp(pool, {
    ...{ id, keyId, accountId: accountOf(id), state: isOpen ? 'active' : 'pending' },
    senderDomains: domain === undefined ? [] : [domain],
  });
  if (!isNew) return undefined;
  if (!isOpen && (await takeMailing(pool, id)) !== undefined) {
    // The key stands in any case; an administrator can confirm it too.
    await mailLink(door, keys, 'confirm', { id, keyId }).catch(onFault);
  }
  return keys.make(id, keyId);
};

/** Ends the key of an id for whoever may; for anybody else its mailbox is asked, and they are not told whether there is one. */
export const deregister = async (
  door: SignUpDoor,
  givenId: string,
  asker: {
    readonly mayEndAny: boolean;
    readonly token: string | undefined;
    readonly onFault: (error: unknown) => void;
  },
): Promise<void> => {
  const { signUpKeys: keys, pool } = door;
  if (keys === undefined) return;
  const id = normalised(givenId);
  const own = asker.token === undefined ? undefined : await keys.read(asker.token);
  if (asker.mayEndAny || own?.id === id) {
    if (own?.id === id) keys.forget(own.keyId);
    await endSignUp(pool, id, undefined);
    return;
  }
  const found = await takeMailing(pool, id);
  // Beside the answer, whose time must not tell whether there is a key.
  if (found !== undefined) mailLink(door, keys, 'deregister', found).catch(asker.onFault);
};

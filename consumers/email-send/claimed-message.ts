import type { SealedValues, TemplateValues } from '../../shared/contracts/email.ts';
import { attemptId, publicMessageId } from '../../shared/domain/request-ids.ts';
import type { Address, Delivery } from '../../shared/esp/esp.ts';
import type { MessageClass } from '../../shared/domain/next-attempt.ts';
import { addressOf, type CompiledMail } from './compile-mail.ts';
import type { ClaimedMessage, RepeatedCall } from './deliver-messages.ts';

/** What a recipient brings beyond its address. */
interface ClaimedData {
  readonly substitutions?: TemplateValues | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly sealed?: SealedValues | undefined;
  readonly cc?: readonly string[] | undefined;
  readonly bcc?: readonly string[] | undefined;
}

/** Whom a message is handed to, in order, and whether somebody may take it later who is not among them. */
interface Order {
  readonly candidates: readonly string[];
  readonly isAnyLeftOut: boolean;
}

/** A probe goes to its ESP first, and on to the others as if it had not. */
export const asProbe = (order: Order, probed: string | undefined): Order & { readonly probed?: string | undefined } =>
  probed === undefined
    ? order
    : { ...order, probed, candidates: [probed, ...order.candidates.filter((esp) => esp !== probed)] };

const sameKey = ({ email }: Address): string => email.toLowerCase();

/**
 * The copies of a message, each address once and never that of the recipient: not every ESP takes a repeat. A blind copy
 * is an address alone, since nobody sees its name.
 */
const copiesOf = (to: Address, data: ClaimedData | null): Pick<Delivery, 'cc' | 'bcc'> => {
  const seen = new Set([sameKey(to)]);
  const fresh = (address: Address): boolean => !seen.has(sameKey(address)) && seen.add(sameKey(address)).size > 0;
  const cc = (data?.cc ?? []).map((address) => addressOf(address)).filter(fresh);
  const bcc = (data?.bcc ?? []).map((address) => ({ email: addressOf(address).email })).filter(fresh);
  return { cc, bcc };
};

interface Recipient {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly data: ClaimedData | null;
}

/** Opens what is sealed for the message of this UUID. Throws `InvalidMessageError` when it was sealed for another, or elsewhere. */
export type OpenSealed = (sealed: SealedValues, messageUuid: string) => TemplateValues;

/**
 * A recipient's delivery in one attempt. Throws `InvalidMessageError` when a template cannot be evaluated for it, or a
 * sealed value cannot be opened.
 */
export const deliveryOf = (
  mail: CompiledMail,
  recipient: Recipient,
  attempt: number,
  openSealed: OpenSealed,
): Delivery => {
  const to = addressOf(recipient.email, recipient.name);
  return {
    messageId: publicMessageId(recipient.id),
    attemptId: attemptId(recipient.id, attempt),
    to,
    ...copiesOf(to, recipient.data),
    content: mail.content,
    values: mail.valuesFor(
      {
        ...recipient.data?.substitutions,
        ...(recipient.data?.sealed === undefined ? {} : openSealed(recipient.data.sealed, recipient.id)),
      },
      recipient,
    ),
    metadata: recipient.data?.metadata ?? {},
  };
};

/** A message for which an earlier call is made again through the same ESP. */
export const asRepeat = (message: ClaimedMessage, esp: string, call: RepeatedCall): ClaimedMessage => ({
  ...message,
  candidates: [esp],
  // Whatever this call is answered, the one before may have been taken: nobody may say that it has failed.
  isAnyLeftOut: true,
  probed: undefined,
  repeat: { call, place: call.deliveries.findIndex(({ messageId }) => messageId === message.delivery.messageId) },
});

/** A claimed row → a message on its way. Throws `InvalidMessageError` when a template cannot be evaluated for it. */
export const claimedMessage = (
  mail: CompiledMail,
  message: Recipient & { readonly attempt: number; readonly createdAtMs: number },
  messageClass: MessageClass,
  order: Order & { readonly probed?: string | undefined },
  leaseToken: string,
  consent: ClaimedMessage['consent'],
  openSealed: OpenSealed,
): ClaimedMessage => ({
  id: message.id,
  leaseToken,
  messageClass,
  attempt: message.attempt,
  createdAtMs: message.createdAtMs,
  candidates: order.candidates,
  isAnyLeftOut: order.isAnyLeftOut,
  probed: order.probed,
  consent,
  delivery: deliveryOf(mail, message, message.attempt, openSealed),
});

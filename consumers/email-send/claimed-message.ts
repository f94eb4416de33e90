import type { TemplateValues } from '../../shared/contracts/email.ts';
import { attemptId, publicMessageId } from '../../shared/domain/request-ids.ts';
import type { MessageClass } from '../../shared/domain/retry-rules.ts';
import { addressOf, type CompiledMail } from './compile-mail.ts';
import type { ClaimedMessage } from './deliver-messages.ts';

type Weights = Readonly<Record<string, number>>;

/** What a recipient brings beyond its address. */
interface ClaimedData {
  readonly substitutions?: TemplateValues | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly cc?: readonly string[] | undefined;
  readonly bcc?: readonly string[] | undefined;
}

/** ESPs by weight, heaviest first; ties by name. */
export const byWeight = (weights: Weights): string[] =>
  Object.keys(weights).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || (a < b ? -1 : 1));

/** The order in which ESPs are asked when `first` is the planned one. */
export const candidatesFrom = (first: string, weights: Weights): string[] => [
  first,
  ...byWeight(weights).filter((esp) => esp !== first),
];

/** A claimed row → a message on its way. Throws `InvalidMessageError` when a template cannot be evaluated for it. */
export const claimedMessage = (
  mail: CompiledMail,
  message: {
    readonly id: string;
    readonly email: string;
    readonly name: string | null;
    readonly data: ClaimedData | null;
    readonly attempt: number;
    readonly createdAtMs: number;
  },
  messageClass: MessageClass,
  candidates: readonly string[],
  leaseToken: string,
): ClaimedMessage => ({
  id: message.id,
  leaseToken,
  messageClass,
  attempt: message.attempt,
  createdAtMs: message.createdAtMs,
  candidates,
  delivery: {
    messageId: publicMessageId(message.id),
    attemptId: attemptId(message.id, message.attempt),
    to: addressOf(message.email, message.name),
    cc: (message.data?.cc ?? []).map((address) => addressOf(address)),
    bcc: (message.data?.bcc ?? []).map((address) => addressOf(address)),
    content: mail.content,
    values: mail.valuesFor(message.data?.substitutions ?? {}),
    metadata: message.data?.metadata ?? {},
  },
});

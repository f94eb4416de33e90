import type { IncomingHttpHeaders } from 'node:http';
import type { Settings } from './control.ts';
import type { Happening } from './outcomes.ts';

/** One provider's side of the wire: everything that differs between two of them. */

export interface WireRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A message that the provider took, as its events need it. */
export interface TakenMessage {
  readonly email: string;
  readonly providerMessageId: string;
  readonly messageId: string | null;
  readonly attemptId: string | null;
  /** The caller's own data, which the provider brings back. */
  readonly own: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly subject: string;
  readonly from: string;
  /** Who had a copy of it, where the provider tells of them too. */
  readonly copies?: readonly string[];
}

export interface Receipt {
  readonly answer: WireAnswer;
  readonly taken: readonly TakenMessage[];
  /** The provider's message ids in the order of the call's messages; '' for one that it refused. */
  readonly providerIds: readonly string[];
}

interface AcceptedAttachment {
  readonly filename: string;
  readonly contentType: string;
  readonly contentId: string | null;
  readonly sha256: string;
}

/** One message as its recipient would see it: substitutions are done. */
export interface AcceptedMessage {
  readonly messageId: string | null;
  readonly attemptId: string | null;
  readonly email: string;
  readonly name: string | null;
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly from: string;
  readonly replyTo: string | null;
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly providerMessageId: string;
  readonly attachments: readonly AcceptedAttachment[];
}

/** Something that happened to a message, at the time when the provider tells it. */
export interface WireEvent extends Happening {
  readonly message: TakenMessage;
  readonly eventId: string;
}

export interface SimulatedEsp {
  readonly kind: string;
  /** Paths of the API below `/<kind>`. */
  readonly paths: readonly string[];
  readonly defaults: Settings;
  readonly outage: () => WireAnswer;
  readonly throttled: (now: Date) => WireAnswer;
  readonly broken: () => WireAnswer;
  /** Checks a call as strictly as the provider and takes what it would take. */
  readonly receive: (request: WireRequest) => Receipt;
  /** Forgets what it remembers from call to call. */
  readonly reset?: () => void;
  /** The messages of a call that was taken, read again from its body. */
  readonly render: (body: Buffer, providerIds: readonly string[]) => readonly AcceptedMessage[];
  readonly webhook: {
    readonly eventsPerPost: number;
    /** How long events are gathered for a post, in ms. */
    readonly flushMs: number;
    readonly encode: (events: readonly WireEvent[], now: Date) => { headers: Record<string, string>; body: Buffer };
    /** The provider's waits between two tries of a post; after the last it gives up. */
    readonly retryDelaysMs: readonly number[];
    /** What the provider does upon an answer: be content, try again, or give up. */
    readonly judge: (status: number) => 'done' | 'again' | 'stop';
  };
}

export const jsonAnswer = (status: number, body: unknown, headers: Record<string, string> = {}): WireAnswer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

export const refused = (answer: WireAnswer): Receipt => ({ answer, taken: [], providerIds: [] });

/**
 * The port every ESP is reached through. An adapter answers with data: it never throws what an SDK threw, and it never
 * retries, waits or chooses - those are rules of the fleet, not of a provider.
 */
import type { DeliveryType } from '../contracts/delivery.ts';

export const espKinds = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'] as const;
export type EspKind = (typeof espKinds)[number];

export interface Address {
  readonly email: string;
  readonly name?: string | undefined;
}

export interface Attachment {
  readonly filename: string;
  readonly contentType: string;
  /** Base64, as it came: no adapter needs the bytes. */
  readonly content: string;
  readonly contentId?: string | undefined;
}

/**
 * What the recipients of one request share. Texts may hold opaque tokens; each delivery brings the ready string for
 * every token (already escaped for its place), so an ESP or adapter only ever replaces, never evaluates.
 */
export interface MailContent {
  readonly from: Address;
  readonly replyTo?: Address | undefined;
  readonly subject: string;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly attachments: readonly Attachment[];
}

/** One message for one recipient, on its way through one attempt. */
export interface Delivery {
  readonly messageId: string;
  readonly attemptId: string;
  readonly to: Address;
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
  /** The same object for all recipients of a request: adapters group by identity. */
  readonly content: MailContent;
  /** Token → ready string; every token of the content's texts is a key. */
  readonly values: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What became of one delivery of a call, as far as the provider's answer tells. */
export type DeliveryAnswer =
  | { readonly outcome: 'accepted'; readonly providerMessageId?: string | undefined }
  /** Definitely not sent, and the recipient is why: no other ESP is asked. */
  | { readonly outcome: 'recipient-refused'; readonly code: string; readonly detail: string }
  /** Definitely not sent: the provider refuses this content, call or account. Another ESP may take it. */
  | {
      readonly outcome: 'refused';
      readonly reason: 'content' | 'credentials';
      readonly code: string;
      readonly detail: string;
    }
  /** Definitely not sent: the provider cannot take it now. Another ESP may, and so may this one later. */
  | {
      readonly outcome: 'unavailable';
      readonly reason: 'outage' | 'throttled' | 'quota';
      readonly retryAfterMs?: number | undefined;
      readonly code: string;
      readonly detail: string;
    }
  /** The provider may or may not have it: nobody else may be asked before that is settled. */
  | { readonly outcome: 'unknown'; readonly code: string; readonly detail: string };

export interface EspLimits {
  /** Deliveries one call carries. */
  readonly deliveriesPerCall: number;
  /** Bytes of one call's body. */
  readonly bytesPerCall: number;
  /** True when all deliveries of a call must share one content (they differ by token values alone). */
  readonly oneContentPerCall: boolean;
  /** Calls that may be under way at once from one process. */
  readonly concurrentCalls: number;
}

export interface SendOptions {
  readonly connectTimeoutMs: number;
  /** From the first byte to the last of the answer. */
  readonly totalTimeoutMs: number;
}

export interface Esp {
  /** Unique in the fleet; the first account of a kind bears the kind's name. */
  readonly name: string;
  readonly kind: EspKind;
  readonly limits: EspLimits;
  /** True when a call that is made again within a day, with the same deliveries in the same order, mails nobody twice. */
  readonly knowsRepeats?: boolean;
  /** Opens now what the first send would have to wait for. Only a process that sends calls it. */
  warmUp?(): void;
  /** Hands over up to `limits.deliveriesPerCall` deliveries in one call; the answers are in the deliveries' order. Never rejects. */
  send(deliveries: readonly Delivery[], options: SendOptions): Promise<readonly DeliveryAnswer[]>;
  close(): Promise<void>;
}

export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * What a webhook proved: that it really comes from the ESP (true) or not (false), or that it was a handshake of the ESP
 * with us, which is answered with this text and holds no event.
 */
export type WebhookProof = boolean | { readonly answer: string };

/**
 * Checks a webhook on its raw bytes, in constant time, before anything of it is believed. Throws `InfrastructureError`
 * when it cannot be told now (a certificate cannot be fetched): the ESP is then asked to send it again.
 */
export type VerifyWebhook = (request: {
  readonly rawBody: Uint8Array;
  readonly headers: RequestHeaders;
}) => WebhookProof | Promise<WebhookProof>;

/** One happening that an ESP told about one recipient, in our words. */
export interface EspEvent {
  readonly type: DeliveryType;
  /** The vendor's event id, or a hash of what makes the event itself: the same on every repeat. */
  readonly id: string;
  /** ISO 8601, UTC; undefined when the ESP did not say, and then it is the time at which it came. */
  readonly at?: string | undefined;
  readonly recipient?: string | undefined;
  readonly messageId?: string | undefined;
  readonly attemptId?: string | undefined;
  readonly providerMessageId?: string | undefined;
  readonly bounceClass?: 'hard' | 'soft' | undefined;
  readonly machine?: boolean | undefined;
  readonly reason?: string | undefined;
  /** Its place in the webhook's body, from 0. */
  readonly index: number;
}

/** A part of a webhook body that is no event for us, and why: `ignored` is expected, `unreadable` someone should see. */
export interface NoEvent {
  readonly kind: 'ignored' | 'unreadable';
  readonly index: number;
  readonly detail: string;
}

export interface Translation {
  readonly events: readonly EspEvent[];
  readonly rest: readonly NoEvent[];
}

/** Raw webhook body → events. Throws `InvalidMessageError` only when the body as a whole is unreadable. */
export type TranslateWebhook = (rawBody: Uint8Array) => Translation;

/** An address that an ESP keeps mail from by itself. */
export interface ListedSuppression {
  readonly email: string;
  readonly reason: 'hard-bounce' | 'complaint' | 'unsubscribe' | 'manual';
}

/**
 * What an ESP keeps mail from, page by page; with `since` what was added from about then on, possibly with some of before.
 * Throws `InfrastructureError` when the ESP does not answer.
 */
export type ListSuppressions = (since: Date | undefined) => AsyncIterable<readonly ListedSuppression[]>;

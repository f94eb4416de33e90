import { z } from 'zod';

const rate = z.number().min(0).max(1);
/** A share of calls from 0 to 1; `true` stands for all of them. */
const fault = z.union([rate, z.boolean().transform(Number)]);
const ms = z.number().min(0).max(3_600_000);

const outcomes = { delivered: rate, bounced: rate, complained: rate, opened: rate, clicked: rate };

/** How a simulated ESP behaves (`docs/simulator.md`). Rates of outcomes are shares of what it accepted. */
const settings = z.strictObject({
  /** How long an answer takes: `latencyMs` plus up to `jitterMs`. */
  latencyMs: ms,
  jitterMs: ms,
  /** Every call is answered 503 at once and nothing is taken. */
  outage: z.boolean(),
  rate429: fault,
  rate500: fault,
  /** Takes the mail, then never answers. */
  acceptThenHang: fault,
  /** Takes the mail, then resets the connection. */
  acceptThenReset: fault,
  /** 503 in the provider's own words: like an outage, for a share of the calls. */
  rate503: fault,
  /** Resets the connection before anything is taken. */
  resetBefore: fault,
  /** Takes the mail, and answers with half of the body. */
  truncated: fault,
  /** Takes the mail, and answers with something that is no JSON. */
  malformed: fault,
  /** Takes nothing, and answers 200 with the body of an error. */
  errorIn200: fault,
  /** What a refusal for too many calls says in Retry-After; 0 leaves it to the provider's own way. */
  retryAfterSeconds: z.number().min(0).max(3_600),
  /** How long the body of an answer takes after its headers. */
  slowBodyMs: ms,
  /** The share of a call's recipients that is refused, each on its own where the provider does so. */
  partialSuccess: fault,
  ...outcomes,
  /** The share of messages of which an event is told whose type nobody knows. */
  unknownEvents: rate,
  /** The share of delivered messages that bounce in the end all the same. */
  /** Of the bounces, those of which the address itself is not to blame: a full mailbox, a refused sender. */
  softBounces: rate,
  bouncedLate: rate,
  /** The share of events that come without the caller's own data. */
  ownDataLost: rate,
  /** The share of events that stand twice in one batch, where there are batches. */
  repeatedInBatch: rate,
  /** The events come before the answer to the send, whatever their delay. */
  eventsBeforeAnswer: z.boolean(),
  /**
   * Webhooks that are not taken come again on the provider's own schedule times this, and then no more. 0: again and again
   * for ten minutes, so that an ingress that is away loses nothing.
   */
  retryFactor: z.number().min(0).max(1),
  webhookDelayMs: ms,
  /** How often every event is told; 0 keeps them all back. */
  webhookCopies: z.int().min(0).max(100),
  shuffle: z.boolean(),
  /** Rates that differ for recipients of one mailbox provider (gmail, outlook, yahoo, icloud, other) or one domain. */
  perMailboxProvider: z.record(z.string(), z.strictObject(outcomes).partial()),
});
export type Settings = z.infer<typeof settings>;
export type OutcomeRates = Pick<Settings, keyof typeof outcomes>;

const change = settings.partial();

/** Settings that change at run time. */
export interface Control {
  read(): Settings;
  /** Takes over the given settings and leaves the others; answers what is wrong with them, or undefined. */
  change(body: unknown): string | undefined;
  reset(): void;
}

export const createControl = (defaults: Settings): Control => {
  let current = defaults;
  return {
    read: () => current,
    change: (body) => {
      const parsed = change.safeParse(body);
      if (!parsed.success) return z.prettifyError(parsed.error);
      const given = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
      current = { ...current, ...Object.fromEntries(given) };
      return undefined;
    },
    reset: () => {
      current = defaults;
    },
  };
};

/** What all providers start from: no faults, events after a moment. */
export const calmSettings = {
  latencyMs: 30,
  jitterMs: 20,
  outage: false,
  rate429: 0,
  rate500: 0,
  acceptThenHang: 0,
  acceptThenReset: 0,
  rate503: 0,
  resetBefore: 0,
  truncated: 0,
  malformed: 0,
  errorIn200: 0,
  retryAfterSeconds: 0,
  slowBodyMs: 0,
  partialSuccess: 0,
  unknownEvents: 0,
  softBounces: 0.2,
  bouncedLate: 0,
  ownDataLost: 0,
  repeatedInBatch: 0,
  eventsBeforeAnswer: false,
  retryFactor: 0,
  webhookDelayMs: 300,
  webhookCopies: 1,
  shuffle: false,
  perMailboxProvider: {},
};

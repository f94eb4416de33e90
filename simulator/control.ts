import { z } from 'zod';

const rate = z.number().min(0).max(1);
/** A share of calls from 0 to 1; `true` stands for all of them. */
const fault = z.union([rate, z.boolean().transform(Number)]);
const ms = z.number().min(0).max(3_600_000);

const outcomes = { delivered: rate, bounced: rate, complained: rate, opened: rate, clicked: rate };

/** How a simulated ESP behaves (`docs`: the simulator). Rates of outcomes are shares of what it accepted. */
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
  ...outcomes,
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

/** What both providers start from: no faults, events after a moment. */
export const calmSettings = {
  latencyMs: 30,
  jitterMs: 20,
  outage: false,
  rate429: 0,
  rate500: 0,
  acceptThenHang: 0,
  acceptThenReset: 0,
  webhookDelayMs: 300,
  webhookCopies: 1,
  shuffle: false,
  perMailboxProvider: {},
};

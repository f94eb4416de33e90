import { z } from 'zod';

const share = z.number().min(0).max(1);
const rates = z.object({ delivered: share, bounced: share, complained: share, opened: share }).partial();
const minutes = z.number().min(0).max(1_000_000);
const name = z.string().min(1).max(64);

/** What an ESP does with mail: rates by mailbox provider, `default` for those it names no others for. */
const behaviour = z.record(name, rates);

/**
 * A scenario of the routing lab. A change names its batch, its ESP, and new rates (by mailbox provider or `default`) or
 * the beginning or end of an outage; it holds from its batch on.
 */
export const scenario = z.object({
  /** For people: what happens in it. */
  what: z.string().optional(),
  esps: z.record(name, behaviour).refine((esps) => Object.keys(esps).length > 0, { error: 'names no ESP' }),
  /** The mailbox providers' shares of the recipients. */
  mailboxProviders: z
    .record(name, z.number().min(0))
    .refine((shares) => Object.values(shares).some((share) => share > 0), { error: 'names no mailbox provider' })
    .default({ other: 1 }),
  batches: z.int().min(1).max(10_000),
  batchSize: z.int().min(1).max(1_000_000),
  intervalMinutes: minutes,
  eventDelayMinutes: minutes,
  changes: z
    .array(
      z
        .object({ atBatch: z.int().min(0), esp: name, outage: z.boolean().optional() })
        .catchall(z.union([rates, z.string()]))
        .transform(({ atBatch, esp, outage, ...more }) => ({
          atBatch,
          esp,
          outage,
          // A text is a remark.
          rates: Object.fromEntries(
            Object.entries(more).flatMap(([key, value]) => (typeof value === 'string' ? [] : [[key, value]])),
          ),
        })),
    )
    .default([])
    // Whatever order they are written in, they happen in the order of time.
    .transform((changes) => [...changes].sort((a, b) => a.atBatch - b.atBatch)),
});
export type Scenario = z.infer<typeof scenario>;

export interface Rates {
  readonly delivered: number;
  readonly bounced: number;
  readonly complained: number;
  readonly opened: number;
}

const noRates: Rates = { delivered: 0, bounced: 0, complained: 0, opened: 0 };

/** One ESP as it is at some batch. */
export interface EspNow {
  readonly isOut: boolean;
  readonly ratesFor: (provider: string) => Rates;
}

const defined = (given: Partial<Record<keyof Rates, number | undefined>> | undefined): Partial<Rates> =>
  Object.fromEntries(Object.entries(given ?? {}).filter(([, rate]) => rate !== undefined));

/** How every ESP is at the given batch, all changes up to it applied in their order. */
export const espsAt = (given: Scenario, batch: number): Readonly<Record<string, EspNow>> =>
  Object.fromEntries(
    Object.entries(given.esps).map(([esp, initial]) => {
      const byProvider = new Map<string, Partial<Rates>>(Object.entries(initial).map(([key, r]) => [key, defined(r)]));
      let isOut = false;
      for (const change of given.changes) {
        if (change.esp !== esp || change.atBatch > batch) continue;
        isOut = change.outage ?? isOut;
        for (const [key, r] of Object.entries(change.rates)) {
          byProvider.set(key, { ...byProvider.get(key), ...defined(r) });
        }
      }
      return [
        esp,
        {
          isOut,
          ratesFor: (provider: string): Rates => ({
            ...noRates,
            ...byProvider.get('default'),
            ...byProvider.get(provider),
          }),
        },
      ];
    }),
  );

/** What became of the messages that an ESP accepted, in a window. Machine opens are not in `opened`. */
export interface EspEvidence {
  readonly sent: number;
  /** Those of them that are old enough to have an outcome (`outcome-delay.ts`): the base of every rate. */
  readonly settled: number;
  readonly delivered: number;
  readonly opened: number;
  readonly clicked: number;
  readonly bounced: number;
  readonly complained: number;
  /** Those of the delivered whose domain takes mail for any address: they prove less. */
  readonly catchAll: number;
}

/** Evidence by ESP, then by mailbox provider. */
export type Evidence = Readonly<Record<string, Readonly<Record<string, EspEvidence>>>>;

export const noEvidence: EspEvidence = {
  sent: 0,
  settled: 0,
  delivered: 0,
  opened: 0,
  clicked: 0,
  bounced: 0,
  complained: 0,
  catchAll: 0,
};

const fields = Object.keys(noEvidence) as (keyof EspEvidence)[];

const combine = (a: EspEvidence, b: EspEvidence, by: (a: number, b: number) => number): EspEvidence => {
  const result = { ...noEvidence };
  for (const field of fields) result[field] = by(a[field], b[field]);
  return result;
};

export const addEvidence = (a: EspEvidence, b: EspEvidence): EspEvidence => combine(a, b, (x, y) => x + y);

export const subtractEvidence = (a: EspEvidence, b: EspEvidence): EspEvidence => combine(a, b, (x, y) => x - y);

/** What became known between two running totals; never negative, since a total can shrink when a row is corrected. */
export const evidenceSince = (now: EspEvidence, before: EspEvidence): EspEvidence =>
  combine(now, before, (a, b) => Math.max(0, a - b));

/** All mailbox providers of one ESP together. */
export const ofAllProviders = (byProvider: Readonly<Record<string, EspEvidence>> | undefined): EspEvidence =>
  Object.values(byProvider ?? {}).reduce(addEvidence, noEvidence);

/** Messages sent by mailbox provider: the mix of mail that weights are averaged over. */
export const mailMix = (evidence: Evidence): Readonly<Record<string, number>> => {
  const mix: Record<string, number> = {};
  for (const byProvider of Object.values(evidence)) {
    for (const [provider, { sent }] of Object.entries(byProvider)) mix[provider] = (mix[provider] ?? 0) + sent;
  }
  return mix;
};

/** The sum of two pieces of evidence, cell by cell. */
export const mergeEvidence = (a: Evidence, b: Evidence): Evidence => {
  const merged: Record<string, Record<string, EspEvidence>> = {};
  for (const part of [a, b]) {
    for (const [esp, byProvider] of Object.entries(part)) {
      const row = (merged[esp] ??= {});
      for (const [provider, cell] of Object.entries(byProvider)) {
        row[provider] = addEvidence(row[provider] ?? noEvidence, cell);
      }
    }
  }
  return merged;
};

/** What became known between two running totals, cell by cell. */
export const evidenceBetween = (now: Evidence, before: Evidence): Evidence =>
  Object.fromEntries(
    Object.entries(now).map(([esp, byProvider]) => [
      esp,
      Object.fromEntries(
        Object.entries(byProvider).map(([provider, cell]) => [
          provider,
          evidenceSince(cell, before[esp]?.[provider] ?? noEvidence),
        ]),
      ),
    ]),
  );

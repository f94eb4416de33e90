import fc from 'fast-check';
import { noEvidence, type EspEvidence, type Evidence } from '../../../shared/domain/evidence.ts';

export const someEsps = ['postmark', 'sendgrid', 'ses', 'smtp', 'socketlabs', 'sparkpost'] as const;
export const someProviders = ['gmail', 'outlook', 'other'] as const;

/** A cell in which so many messages are settled, and a share of them was delivered. */
export const cell = (settled: number, deliveredShare: number, more: Partial<EspEvidence> = {}): EspEvidence => ({
  ...noEvidence,
  sent: settled,
  settled,
  delivered: Math.round(settled * deliveredShare),
  ...more,
});

/** Evidence that is the same at every mailbox provider, but for those that are named. */
export const everywhere = (
  byEsp: Readonly<Record<string, EspEvidence>>,
  providers: readonly string[] = someProviders,
): Evidence =>
  Object.fromEntries(
    Object.entries(byEsp).map(([esp, one]) => [esp, Object.fromEntries(providers.map((provider) => [provider, one]))]),
  );

const count = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 3_000 }) },
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat({ max: 1_000_000_000 }) },
);

/** Any cell at all: more outcomes than messages (late events), zeros, and numbers that no sender reaches. */
export const anyCell: fc.Arbitrary<EspEvidence> = fc
  .tuple(count, count, count, count, count, count, count)
  .map(([sent, settled, delivered, opened, bounced, complained, catchAll]) => ({
    sent: Math.max(sent, settled),
    settled,
    delivered,
    opened,
    clicked: 0,
    bounced,
    complained,
    catchAll: Math.min(delivered, catchAll),
  }));

/** Evidence with missing ESPs, missing cells, and cells of providers that nobody asks about. */
export const anyEvidence: fc.Arbitrary<Evidence> = fc.dictionary(
  fc.constantFrom(...someEsps, 'gone'),
  fc.dictionary(fc.constantFrom(...someProviders, 'yahoo'), anyCell, { noNullPrototype: true }),
  { noNullPrototype: true },
);

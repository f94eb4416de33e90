import type { OutcomeRates, Settings } from './control.ts';
import type { Random } from './random.ts';

export type HappeningKind = 'delivered' | 'bounced' | 'opened' | 'clicked' | 'complained' | 'unheardOf';

/** Something that becomes of an accepted message, and when, in ms after it was taken. */
export interface Happening {
  readonly kind: HappeningKind;
  readonly delayMs: number;
  readonly bounceClass?: 'hard' | 'soft';
}

const families: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['gmail', /^(gmail|googlemail)\.com$/],
  ['outlook', /^((outlook|hotmail|live)\.(com|[a-z]{2}|com?\.[a-z]{2})|msn\.com|passport\.com)$/],
  ['yahoo', /^(yahoo\.(com|[a-z]{2}|com?\.[a-z]{2})|ymail\.com|rocketmail\.com|aol\.com)$/],
  ['icloud', /^(icloud|me|mac)\.com$/],
];

/** The name under which `perMailboxProvider` knows the recipient's mailbox. */
const mailboxProviderOf = (email: string): string => {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return families.find(([, pattern]) => pattern.test(domain))?.[0] ?? 'other';
};

const ratesFor = (settings: Settings, email: string): OutcomeRates => {
  const own = settings.perMailboxProvider;
  if (Object.keys(own).length === 0) return settings;
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  const given = Object.entries(own[domain] ?? own[mailboxProviderOf(email)] ?? {}).filter(
    ([, rate]) => rate !== undefined,
  );
  return { ...settings, ...Object.fromEntries(given) };
};

/**
 * What becomes of one accepted message. Drawn once: delivered, bounced, or nothing ever heard of. Opens, clicks and
 * complaints come only to delivered mail, and their rates too are shares of what was accepted; who clicks has opened
 * as long as more is opened than clicked.
 */
export const drawOutcome = (settings: Settings, email: string, random: Random): readonly Happening[] => {
  const happenings = [...drawFate(settings, email, random)];
  const step = settings.webhookDelayMs;
  // Drawn only when asked for, so that the other draws of a seed stay what they were.
  const isDelivered = happenings[0]?.kind === 'delivered';
  if (isDelivered && settings.bouncedLate > 0 && random() < settings.bouncedLate) {
    happenings.push({ kind: 'bounced', delayMs: 5 * step, bounceClass: 'hard' });
  }
  if (settings.unknownEvents > 0 && random() < settings.unknownEvents) {
    happenings.push({ kind: 'unheardOf', delayMs: step });
  }
  return happenings;
};

const drawFate = (settings: Settings, email: string, random: Random): readonly Happening[] => {
  const rates = ratesFor(settings, email);
  const step = settings.webhookDelayMs;
  const fate = random();
  if (fate >= rates.delivered) {
    if (fate >= rates.delivered + rates.bounced) return [];
    return [{ kind: 'bounced', delayMs: step, bounceClass: random() < settings.softBounces ? 'soft' : 'hard' }];
  }
  // Given that it was delivered: shares of the accepted become shares of the delivered.
  const interest = random() * rates.delivered;
  const anger = random() * rates.delivered;
  const happenings: Happening[] = [{ kind: 'delivered', delayMs: step }];
  if (interest < rates.opened) happenings.push({ kind: 'opened', delayMs: 2 * step });
  if (interest < rates.clicked) happenings.push({ kind: 'clicked', delayMs: 3 * step });
  if (anger < rates.complained) happenings.push({ kind: 'complained', delayMs: 4 * step });
  return happenings;
};

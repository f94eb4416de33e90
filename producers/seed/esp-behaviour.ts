import type { MailboxProvider } from '../../shared/domain/mailbox-provider.ts';

/** The ESPs that the invented history knows. */
export const seedEsps = ['postmark', 'sendgrid'] as const;
export type SeedEsp = (typeof seedEsps)[number];

/** Shares of what the ESP accepted. */
export interface Rates {
  readonly delivered: number;
  readonly bounced: number;
  readonly opened: number;
  readonly clicked: number;
  readonly complained: number;
}

type RateRow = readonly [delivered: number, bounced: number, opened: number, clicked: number, complained: number];

// What one reads in deliverability reports: mailbox providers differ more than ESPs do.
const usual: Readonly<Record<SeedEsp, Readonly<Record<MailboxProvider, RateRow>>>> = {
  postmark: {
    gmail: [0.984, 0.012, 0.37, 0.055, 0.0004],
    outlook: [0.973, 0.017, 0.31, 0.05, 0.0008],
    yahoo: [0.968, 0.02, 0.29, 0.04, 0.0011],
    icloud: [0.98, 0.013, 0.41, 0.05, 0.0003],
    other: [0.966, 0.026, 0.27, 0.045, 0.0003],
  },
  sendgrid: {
    gmail: [0.976, 0.014, 0.34, 0.05, 0.0006],
    outlook: [0.952, 0.024, 0.26, 0.04, 0.0012],
    yahoo: [0.941, 0.03, 0.25, 0.036, 0.0016],
    icloud: [0.966, 0.018, 0.39, 0.047, 0.0004],
    other: [0.961, 0.028, 0.25, 0.042, 0.0005],
  },
};

const dayMs = 86_400_000;
const hourMs = 3_600_000;

// Two stories for the graphs: Gmail distrusts SendGrid's addresses for five days, and Postmark is away for three hours.
const distrust = { esp: 'sendgrid', provider: 'gmail', fromMs: 12 * dayMs, toMs: 17 * dayMs } as const;
const outage = { esp: 'postmark', fromMs: 20 * dayMs + 13 * hourMs, toMs: 20 * dayMs + 16 * hourMs } as const;

/** What becomes of mail through an ESP to a mailbox provider, `sinceMs` after the beginning of the history. */
export const ratesOf = (esp: SeedEsp, provider: MailboxProvider, sinceMs: number): Rates => {
  const [delivered, bounced, opened, clicked, complained] = usual[esp][provider];
  const isDistrusted =
    esp === distrust.esp && provider === distrust.provider && sinceMs >= distrust.fromMs && sinceMs < distrust.toMs;
  return isDistrusted
    ? {
        delivered: delivered - 0.09,
        bounced: bounced + 0.06,
        opened: opened * 0.35,
        clicked: clicked * 0.35,
        complained,
      }
    : { delivered, bounced, opened, clicked, complained };
};

/** Whether the ESP answers nothing but 503, `sinceMs` after the beginning of the history. */
export const isAway = (esp: SeedEsp, sinceMs: number): boolean =>
  esp === outage.esp && sinceMs >= outage.fromMs && sinceMs < outage.toMs;

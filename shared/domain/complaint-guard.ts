/**
 * When a sender's bulk mail to a mailbox provider is slowed. The lines are those that Google and Yahoo draw for all bulk
 * senders: below 0.10 % complaints, and never 0.30 % (support.google.com/a/answer/81126). Who is over them harms every
 * sender of the ESP's addresses, and himself most: more mail of the same kind makes it worse.
 */
export interface SenderMail {
  readonly senderDomain: string;
  readonly mailboxProvider: string;
  /** Of the last `complaintDays`. */
  readonly delivered: number;
  readonly complained: number;
}

export const guardStates = ['none', 'slow', 'hold-back'] as const;
export type GuardState = (typeof guardStates)[number];

export interface GuardVerdict {
  readonly state: GuardState;
  /** Complaints among what was delivered, 0 … 1. */
  readonly rate: number;
  /** The most that goes out; null for any number. */
  readonly perMinute: number | null;
  readonly sentence: string;
}

export const complaintDays = 7;
/** With less a single complaint would be a scandal. */
export const fewestDelivered = 1_000;
// Complaints in a thousand, from which on it holds; the strictest first.
const lines = [
  { state: 'hold-back', perThousand: 3, perMinute: 60 },
  { state: 'slow', perThousand: 1, perMinute: 600 },
] as const;
/** The lowest of the lines: below it nobody has to be looked at. */
export const slowPerThousand = 1;

/** What is made of the complaints about a sender's mail to a provider, in numbers and in a sentence. */
export const judgeComplaints = (mail: SenderMail): GuardVerdict => {
  const { senderDomain, mailboxProvider, delivered, complained } = mail;
  const rate = delivered > 0 ? complained / delivered : 0;
  // In whole numbers: a rate on the line is over it.
  const line = lines.find(({ perThousand }) => complained * 1_000 >= perThousand * delivered);
  const told = `${(rate * 100).toFixed(2)} % of ${senderDomain}'s mail to ${mailboxProvider} is complained about`;
  if (delivered < fewestDelivered) {
    return { state: 'none', rate, perMinute: null, sentence: `too little mail to judge: ${told}` };
  }
  if (line === undefined) return { state: 'none', rate, perMinute: null, sentence: told };
  const { state, perMinute, perThousand } = line;
  return { state, rate, perMinute, sentence: `slowed: ${told} (limit ${(perThousand / 10).toFixed(2)} %)` };
};

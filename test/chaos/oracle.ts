// The judge of a scenario. It knows what callers were told, what the simulated ESPs wrote down before they answered, and
// what the API says of each message - never a counter of the product's.

/** A message that a caller was told was accepted. */
export interface AckedMessage {
  readonly id: string;
  readonly email: string;
}

/** A line of the simulator's log. */
export interface AcceptedMail {
  /** When it was taken, ISO 8601. */
  readonly at?: string | undefined;
  readonly messageId: string | null;
  readonly attemptId: string | null;
  readonly email: string;
  readonly esp: string;
}

/** What the API says of a message. */
export interface ToldMessage {
  readonly id: string;
  readonly status: string;
  readonly duplicateSuspected: boolean;
  readonly reason: string | null;
}

export interface Evidence {
  /** Addresses of everything that was ever handed to the fleet, whatever it was answered. */
  readonly submitted: ReadonlySet<string>;
  readonly acked: readonly AckedMessage[];
  readonly accepted: readonly AcceptedMail[];
  readonly told: ReadonlyMap<string, ToldMessage>;
  /** Whether `unknown` may be where a message ends: true for the policy at-most-once. */
  readonly mayStayUnknown?: boolean;
}

export interface Judgement {
  /** Acknowledged, and neither taken by an ESP nor ended for a reason that is told. */
  readonly lost: readonly string[];
  /** Taken more than once. */
  readonly duplicates: readonly string[];
  /** Taken more than once, and the message does not say so. */
  readonly unflagged: readonly string[];
  /** Taken by an ESP, and never submitted by anybody. */
  readonly phantom: readonly string[];
  /** Duplicates by the ESP that had taken the message first. */
  readonly firstTakenBy: Readonly<Record<string, number>>;
}

const endedWithReason = new Set(['failed', 'suppressed', 'cancelled']);

/** Judges one scenario. Lists hold message ids, or addresses where there is no id. */
export const judge = ({ submitted, acked, accepted, told, mayStayUnknown = false }: Evidence): Judgement => {
  const times = new Map<string, number>();
  const firstAt = new Map<string, string>();
  const phantom: string[] = [];
  for (const { messageId, email, esp } of accepted) {
    if (!submitted.has(email.toLowerCase())) phantom.push(messageId ?? email);
    // Without our id a mail still has its address, which no two messages of a scenario share.
    const name = messageId ?? email.toLowerCase();
    times.set(name, (times.get(name) ?? 0) + 1);
    if (!firstAt.has(name)) firstAt.set(name, esp);
  }
  const lost = acked
    .filter(({ id, email }) => {
      if (times.has(id) || times.has(email.toLowerCase())) return false;
      const message = told.get(id);
      if (message === undefined) return true;
      if (endedWithReason.has(message.status) && message.reason !== null) return false;
      return !(mayStayUnknown && message.status === 'unknown');
    })
    .map(({ id }) => id);
  const duplicates = [...times].filter(([, count]) => count > 1).map(([name]) => name);
  const firstTakenBy: Record<string, number> = {};
  for (const name of duplicates) {
    const esp = firstAt.get(name) ?? '';
    firstTakenBy[esp] = (firstTakenBy[esp] ?? 0) + 1;
  }
  return {
    lost,
    duplicates,
    unflagged: duplicates.filter((name) => told.get(name)?.duplicateSuspected !== true),
    phantom,
    firstTakenBy,
  };
};

import type { DeliveryType } from '../../shared/contracts/delivery.ts';
import { stateAfter, type MessageState } from '../../shared/domain/message-state.ts';
import { isAway, ratesOf, seedEsps, type SeedEsp } from './esp-behaviour.ts';
import type { Person } from './people.ts';
import type { Random } from '../../shared/domain/random.ts';

export interface SeedAttempt {
  readonly esp: SeedEsp;
  readonly state: 'accepted' | 'refused' | 'unknown';
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly providerMessageId: string | null;
  readonly error: string | null;
}

export interface SeedEvent {
  readonly type: DeliveryType;
  readonly atMs: number;
  readonly bounceClass: 'hard' | 'soft' | null;
  readonly machine: boolean;
  readonly reason: string | null;
}

/** All that became of one message up to the end of the history. */
export interface Fate {
  readonly esp: SeedEsp;
  readonly status: MessageState;
  readonly attempts: readonly SeedAttempt[];
  readonly events: readonly SeedEvent[];
  readonly opens: number;
  readonly clicks: number;
  readonly unsubscribedMs: number | null;
  readonly reason: string | null;
  readonly updatedMs: number;
}

const seconds = (count: number): number => count * 1_000;
const softShare = 0.2;
const hex = (random: Random): string => random.bits().toString(16).padStart(8, '0');

const providerMessageId = (esp: SeedEsp, random: Random): string => {
  const text = hex(random) + hex(random) + hex(random) + hex(random);
  return esp === 'sendgrid'
    ? text.slice(0, 22)
    : `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
};

const drawAttempts = (planned: SeedEsp, atMs: number, sinceMs: number, random: Random): SeedAttempt[] => {
  const attempts: SeedAttempt[] = [];
  const add = (esp: SeedEsp, state: SeedAttempt['state'], startedMs: number, error: string | null): number => {
    const finishedMs = startedMs + 40 + random.int(120);
    const id = state === 'accepted' ? providerMessageId(esp, random) : null;
    attempts.push({ esp, state, startedMs, finishedMs, providerMessageId: id, error });
    return finishedMs;
  };
  const other = seedEsps.find((esp) => esp !== planned) ?? planned;
  const luck = random.next();
  if (isAway(planned, sinceMs)) {
    const refusedMs = add(planned, 'refused', atMs, '503 Service Unavailable');
    if (isAway(other, sinceMs)) return attempts;
    add(other, 'accepted', refusedMs, null);
  } else if (luck < 0.004) {
    add(other, 'accepted', add(planned, 'refused', atMs, '429 Too Many Requests'), null);
  } else if (luck < 0.0045) {
    add(other, 'accepted', add(planned, 'unknown', atMs, 'No answer within the time allowed.') + seconds(60), null);
  } else if (luck < 0.0055) {
    add(planned, 'refused', atMs, 'The ESP refuses this recipient: it is on its suppression list.');
  } else add(planned, 'accepted', atMs, null);
  return attempts;
};

/** What the ESP tells of a message that it accepted, in the order of time. */
const drawEvents = (esp: SeedEsp, person: Person, acceptedMs: number, sinceMs: number, random: Random): SeedEvent[] => {
  const rates = ratesOf(esp, person.provider, sinceMs);
  const events: SeedEvent[] = [];
  const tell = (type: DeliveryType, atMs: number, more: Partial<SeedEvent> = {}): void => {
    events.push({ type, atMs, bounceClass: null, machine: false, reason: null, ...more });
  };
  const fate = random.next();
  const isBounced = fate >= rates.delivered && fate < rates.delivered + rates.bounced;
  // Neither delivered nor bounced: nobody ever hears of it again.
  if (fate >= rates.delivered && !isBounced) return events;

  let atMs = acceptedMs + seconds(1) + random.int(seconds(20));
  if (random.next() < 0.03) {
    tell('deferred', atMs, { reason: '451 4.7.1 Try again later' });
    atMs += seconds(300) + random.int(seconds(5_400));
  }
  if (isBounced && !person.isCatchAll) {
    const isSoft = random.next() < softShare;
    const reason = isSoft ? '552 5.2.2 Mailbox full' : '550 5.1.1 No such user';
    tell('bounced', atMs, { bounceClass: isSoft ? 'soft' : 'hard', reason });
    return events;
  }
  tell('delivered', atMs);
  // Apple loads every picture itself, minutes after delivery.
  if (person.provider === 'icloud' && random.next() < 0.6) {
    tell('opened', atMs + seconds(30) + random.int(seconds(600)), { machine: true });
  }
  const interest = random.next() * rates.delivered;
  if (interest < rates.opened) {
    // Half of those who open do so within two hours, some days later.
    let openedMs = atMs + Math.round(seconds(7_200) * Math.exp(1.4 * random.normal()));
    tell('opened', openedMs);
    if (interest < rates.clicked) tell('clicked', openedMs + seconds(3) + random.int(seconds(90)));
    if (random.next() < 0.15) tell('opened', (openedMs += seconds(600) + random.int(seconds(80_000))));
    if (random.next() < 0.004) tell('unsubscribed', openedMs + random.int(seconds(120)));
  }
  if (random.next() * rates.delivered < rates.complained) {
    tell('complained', atMs + seconds(600) + random.int(seconds(40_000)));
  }
  return events;
};

/**
 * Sends one message at `atMs` through the planned ESP and tells what becomes of it. What would happen at `untilMs` or
 * later has not happened yet. `sinceMs` is the time since the history began.
 */
export const drawFate = (
  message: { readonly person: Person; readonly esp: SeedEsp; readonly atMs: number; readonly sinceMs: number },
  untilMs: number,
  random: Random,
): Fate => {
  const { person, atMs, sinceMs } = message;
  const attempts = drawAttempts(message.esp, atMs, sinceMs, random);
  const last = attempts.at(-1);
  if (last === undefined) throw new RangeError('every message has an attempt');
  if (last.state !== 'accepted') {
    const { esp, error: reason, finishedMs: updatedMs } = last;
    return {
      esp,
      status: 'failed',
      attempts,
      events: [],
      opens: 0,
      clicks: 0,
      unsubscribedMs: null,
      reason,
      updatedMs,
    };
  }

  const events = drawEvents(last.esp, person, last.finishedMs, sinceMs, random)
    .filter((event) => event.atMs < untilMs)
    .sort((a, b) => a.atMs - b.atMs);
  let status: MessageState = 'sent';
  let reason: string | null = null;
  let opens = 0;
  let clicks = 0;
  let unsubscribedMs: number | null = null;
  for (const event of events) {
    const next = stateAfter(status, event.type);
    if (next !== status && event.reason !== null) reason = event.reason;
    status = next;
    if (event.type === 'opened' && !event.machine) opens += 1;
    if (event.type === 'clicked') clicks += 1;
    if (event.type === 'unsubscribed') unsubscribedMs = event.atMs;
  }
  const updatedMs = events.at(-1)?.atMs ?? last.finishedMs;
  return { esp: last.esp, status, attempts, events, opens, clicks, unsubscribedMs, reason, updatedMs };
};

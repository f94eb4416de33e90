import { createHash } from 'node:crypto';
import type { DeliveryEvent, DeliveryRecord } from '../../shared/contracts/delivery.ts';
import { normaliseDomain } from '../../shared/domain/domain-name.ts';
import { hideAddresses } from '../../shared/domain/hide-addresses.ts';
import { stateAfter, type MessageState } from '../../shared/domain/message-state.ts';
import { replayOrigin, type ReplayOrigin } from '../../shared/domain/replay-origin.ts';
import { messageUuid } from '../../shared/domain/request-ids.ts';

/** An event that is stored once: it has an id, or belongs to a message. */
export interface StorableEvent {
  readonly event: DeliveryEvent;
  readonly esp: string;
  /** UTC day of the event, by its own time: the same on every repeat. */
  readonly day: string;
  /** UUID from the event's id. */
  readonly hash: string;
  readonly at: Date;
  readonly messageId: string | undefined;
}

export interface DomainCount {
  delivered: number;
  bounced: number;
  firstBounceAt: Date | undefined;
}
export type DomainCounts = Map<string, DomainCount>;

// An event whose recipient its ESP did not name belongs to no domain (RFC 2606 keeps .invalid free).
const isNobodys = (domain: string): boolean => domain.endsWith('.invalid');

const addToDomain = (counts: DomainCounts, event: DeliveryEvent, at: Date): void => {
  // A soft bounce (full mailbox, blocked content) does not say that the address is unknown.
  const isBounce = event.type === 'bounced' && event.bounceClass !== 'soft';
  if ((event.type !== 'delivered' && !isBounce) || isNobodys(event.domain)) return;
  const by = event.count ?? 1;
  const row = counts.get(event.domain);
  if (row === undefined) {
    counts.set(event.domain, {
      delivered: isBounce ? 0 : by,
      bounced: isBounce ? by : 0,
      firstBounceAt: isBounce ? at : undefined,
    });
  } else if (isBounce) {
    row.bounced += by;
    if (row.firstBounceAt === undefined || at < row.firstBounceAt) row.firstBounceAt = at;
  } else row.delivered += by;
};

const hashOf = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
};

export interface PlacedRecord {
  readonly value: DeliveryRecord;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Names a replayed dead letter by where it came from first; undefined for any other record. */
const nameOfOrigin = (origin: ReplayOrigin | undefined): string | undefined =>
  origin && ['replay', origin.cluster, origin.topic, origin.partition, origin.offset].join(':');

export interface Folded {
  /**
   * Counts of events that are only counted; the fence alone keeps them from being counted twice. Not those of replayed
   * dead letters: a letter that is sent back twice lies at two offsets, so its events are stored under its origin.
   */
  readonly counts: DomainCounts;
  readonly storable: readonly StorableEvent[];
  /** Offsets of records with an event whose domain is none; nothing of them is counted. */
  readonly bad: ReadonlySet<bigint>;
}

// The end of the year 9999: later days have no name in ISO 8601's usual form, and no partition.
const lastMs = 253_402_300_799_999;

// Undefined when a domain is none: then nothing of the record is counted, so that its replay counts nothing twice.
const withNormalDomains = (events: readonly DeliveryEvent[]): DeliveryEvent[] | undefined => {
  const normal: DeliveryEvent[] = [];
  for (const event of events) {
    const domain = normaliseDomain(event.domain);
    if (domain === undefined) return undefined;
    normal.push(domain === event.domain ? event : { ...event, domain });
  }
  return normal;
};

/** Folds records into counts by domain and events to store. `place` names the partition, for ids that events lack. */
export const foldRecords = (records: readonly PlacedRecord[], place: string): Folded => {
  const counts: DomainCounts = new Map();
  const storable: StorableEvent[] = [];
  const bad = new Set<bigint>();
  for (const { value, offset, timestampMs, headers } of records) {
    const replayed = replayOrigin(headers);
    const origin = nameOfOrigin(replayed);
    // Kafka writes -1 for a record without a time. The day is a part of an event's key, so a replay keeps the first one.
    const recordedMs = replayed?.timestampMs ?? timestampMs;
    const recordedAt = new Date(Math.min(Math.max(0, recordedMs), lastMs));
    const events = withNormalDomains('events' in value ? value.events : [value]);
    if (events === undefined) {
      bad.add(offset);
      continue;
    }
    events.forEach((told, index) => {
      const at = told.at === undefined ? recordedAt : new Date(told.at);
      const timed = told.at === undefined ? { ...told, at: at.toISOString() } : told;
      // ESPs quote the address in their reasons; whom an event is about stands in the message's row alone.
      const event = timed.reason === undefined ? timed : { ...timed, reason: hideAddresses(timed.reason) };
      if (event.id === undefined && event.messageId === undefined && origin === undefined) {
        addToDomain(counts, event, at);
        return;
      }
      storable.push({
        event,
        esp: event.esp ?? '',
        day: at.toISOString().slice(0, 10),
        hash: hashOf(event.id ?? `${origin ?? `${place}:${offset}`}:${index}`),
        at,
        messageId: event.messageId === undefined ? undefined : messageUuid(event.messageId),
      });
    });
  }
  return { counts, storable, bad };
};

/** Adds the domains of events that were stored for the first time. */
export const addStored = (counts: DomainCounts, stored: readonly StorableEvent[]): void => {
  for (const { event, at } of stored) addToDomain(counts, event, at);
};

export interface KnownMessage {
  readonly id: string;
  readonly status: MessageState;
  readonly opens: number;
  readonly clicks: number;
}

/** An outcome that a message had not had before, and the ESP whose event brought it. */
export interface FirstOutcome {
  readonly outcome: 'sent' | 'delivered' | 'opened' | 'clicked' | 'bounced' | 'complained' | 'failed';
  /** Undefined when the event did not say. A message sent twice is told of by both ESPs, often in one batch. */
  readonly esp: string | undefined;
}

/** What new events make of one message. */
export interface MessageChange {
  readonly id: string;
  readonly status: MessageState;
  readonly opens: number;
  readonly clicks: number;
  readonly unsubscribedAt: Date | undefined;
  readonly reason: string | undefined;
  /** When what brought the new state happened, as its ESP says; undefined where the state stays. */
  readonly changedAt: string | undefined;
  /** For the statistics; each outcome once. */
  readonly firsts: readonly FirstOutcome[];
}

type Outcome = 'delivered' | 'bounced' | 'complained' | 'failed';
const outcomes: readonly string[] = ['delivered', 'bounced', 'complained', 'failed'] satisfies Outcome[];
const isOutcome = (type: string): type is Outcome => outcomes.includes(type);

/**
 * Whether the state alone cannot tell if an event's outcome was told before: a message that bounced may have been
 * delivered first, or not. Then the events stored earlier have to be asked, or statistics would depend on their order.
 */
export const needsHistory = (status: MessageState, events: readonly DeliveryEvent[]): boolean =>
  events.some(({ type }) => isOutcome(type) && type !== status && stateAfter(status, type) === status);

/**
 * Applies the new events of one message, in any order; machine opens and clicks prove acceptance and count nowhere.
 * `history` holds the types of its events that were stored before, where `needsHistory` asks for them.
 */
export const changeMessage = (
  message: KnownMessage,
  events: readonly DeliveryEvent[],
  history: readonly string[] = [],
): MessageChange => {
  let { status, opens, clicks } = message;
  let unsubscribedAt: Date | undefined;
  let reason: string | undefined;
  let changedAt: string | undefined;
  const firsts = new Map<FirstOutcome['outcome'], string | undefined>();
  const add = (outcome: FirstOutcome['outcome'], esp: string | undefined): void => {
    if (!firsts.has(outcome)) firsts.set(outcome, esp);
  };
  const told = new Set<string>([message.status, ...history]);
  // An attempt whose answer was lost: the event is the proof that the ESP had taken it.
  if (message.status === 'unknown') add('sent', events[0]?.esp);
  for (const event of events) {
    const { type, esp } = event;
    if (type === 'opened' && event.machine !== true) {
      if (opens === 0) add('opened', esp);
      opens += 1;
    } else if (type === 'clicked' && event.machine !== true) {
      if (clicks === 0) add('clicked', esp);
      clicks += 1;
    } else if (type === 'unsubscribed') unsubscribedAt = new Date(event.at ?? 0);
    else if (isOutcome(type) && !told.has(type)) add(type, esp);
    const next = stateAfter(status, type);
    if (next !== status && event.reason !== undefined) reason = event.reason;
    if (next !== status) changedAt = event.at;
    status = next;
  }
  return {
    id: message.id,
    status,
    opens,
    clicks,
    unsubscribedAt,
    reason,
    changedAt,
    firsts: [...firsts].map(([outcome, esp]) => ({ outcome, esp })),
  };
};

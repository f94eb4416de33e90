// In:  what became of messages, and counts of deliveries and bounces by domain.
// Out: one transaction a batch - events once each, message states, statistics of ESPs and senders, domain counters and verdicts, what
//      is told of them (outbox), the offset fence.
// On redelivery: the fence drops what was counted, the events' key what was stored, a producer's mark what it sent again.
import type { DeliveryRecord } from '../../shared/contracts/delivery.ts';
import type { Topic } from '../../shared/contracts/topics.ts';
import { lockFence, moveFence } from '../../shared/db/consumer-offsets.ts';
import type { Database, Pool } from '../../shared/db/connect.ts';
import { addToDomains, catchAllDomains } from '../../shared/db/domain-counters.ts';
import { notifyVerdicts } from '../../shared/db/judged.ts';
import { writeOutbox, type OutboxRecord } from '../../shared/db/outbox.ts';
import { addDelays } from '../../shared/db/outcome-delays.ts';
import { loadMarks, moveMarks } from '../../shared/db/producer-marks.ts';
import { addSenderStatistics, senderFold } from '../../shared/db/sender-statistics.ts';
import { addStatistics, statisticsFold } from '../../shared/db/statistics.ts';
import {
  eventKey,
  findMessages,
  insertEvents,
  lockMessages,
  storedTypes,
  updateMessageStates,
} from '../../shared/db/store-events.ts';
import type { StateChange } from '../../shared/domain/outcome-records.ts';
import { defineConsumer } from '../../shared/runtime/define-consumer.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { done, reject } from '../../shared/runtime/outcome.ts';
import { ownMs, type Teller } from '../../shared/runtime/teller.ts';
import { checkFence } from './check-fence.ts';
import { suppressByEvents } from './consumer-suppressions.ts';
import { dropRepeats, producersOf } from './drop-repeats.ts';
import { addStored, changeMessage, foldRecords, needsHistory, type StorableEvent } from './fold-events.ts';
import { verdictRecords } from './verdict-records.ts';

export interface DeliveryEventsDeps {
  readonly topic: Topic<DeliveryRecord>;
  readonly pool: Pool;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The number that an operator raises when a topic was made anew. */
  readonly epoch: number;
  /** More deliveries than this, and no bounce, make a domain a catch-all; until the fleet has a stored threshold. */
  readonly deliveredThreshold: number;
  readonly verdictTopic: string;
  readonly outcomeTopic: string;
  readonly tell: Teller['tell'];
}

// Late bounces can lack our ids, and some ESPs name only their call: the recipient tells the rest.
const withMessages = async (db: Database, events: readonly StorableEvent[]): Promise<StorableEvent[]> => {
  const homeless = events.flatMap(({ event, esp, messageId, at }, index) =>
    messageId === undefined && event.recipient !== undefined && esp !== ''
      ? [{ index, clue: { esp, recipient: event.recipient, providerMessageId: event.providerMessageId, at } }]
      : [],
  );
  const found = await findMessages(
    db,
    homeless.map(({ clue }) => clue),
  );
  const homes = new Map(homeless.map(({ index }, place) => [index, found[place]]));
  return events.map((event, index) => (homes.has(index) ? { ...event, messageId: homes.get(index) } : event));
};

const storeEvents = async (db: Database, events: readonly StorableEvent[]): Promise<StorableEvent[]> => {
  const fresh = await insertEvents(
    db,
    events.map(({ event, ...place }) => ({
      ...place,
      type: event.type,
      domain: event.domain,
      bounceClass: event.bounceClass,
      machine: event.machine ?? false,
      reason: event.reason,
      raw: event.raw,
    })),
  );
  // A repeat inside the batch has the key of the one that was stored: only the first of them counts.
  const taken = new Set<string>();
  return events.filter((event) => {
    const key = eventKey(event);
    if (!fresh.has(key) || taken.has(key)) return false;
    taken.add(key);
    return true;
  });
};

// What a message can only be once, and what its silence is measured against.
const settlingOutcomes: ReadonlySet<string> = new Set(['delivered', 'bounced', 'failed']);

/** Moves the messages of new events; answers those that came to another state. */
const changeMessages = async (db: Database, fresh: readonly StorableEvent[]): Promise<StateChange[]> => {
  const byMessage = new Map<string, StorableEvent[]>();
  for (const event of fresh) {
    if (event.messageId === undefined) continue;
    const list = byMessage.get(event.messageId);
    if (list === undefined) byMessage.set(event.messageId, [event]);
    else list.push(event);
  }
  const messages = (await lockMessages(db, [...byMessage.keys()])).map((message) => {
    const stored = byMessage.get(message.id) ?? [];
    return { message, stored, events: stored.map(({ event }) => event) };
  });
  const unclear = messages.filter(({ message, events }) => needsHistory(message.status, events));
  const history = await storedTypes(
    db,
    unclear.map(({ message }) => message.id),
    unclear.flatMap(({ stored }) => stored.map(({ hash }) => hash)),
  );
  const catchAlls = await catchAllDomains(
    db,
    fresh.flatMap(({ event }) => (event.type === 'delivered' ? event.domain : [])),
  );
  const statistics = statisticsFold();
  const senders = senderFold();
  const delays: { esp: string; delayMs: number }[] = [];
  const changes = messages.map(({ message, events }) => {
    const change = changeMessage(message, events, history.get(message.id));
    for (const { outcome, esp = message.esp } of change.firsts) {
      const key = { ...message, esp, minute: message.claimedAt };
      statistics.add(key, outcome);
      if (outcome === 'delivered' && events.some(({ type, domain }) => type === outcome && catchAlls.has(domain))) {
        statistics.add(key, 'catchAll');
      }
      const { senderDomain, claimedAt: sentAt } = message;
      if (senderDomain !== null && (outcome === 'delivered' || outcome === 'complained')) {
        senders.add({ ...message, senderDomain, sentAt }, outcome);
      }
      if (settlingOutcomes.has(outcome)) delays.push({ esp, delayMs: message.sinceClaimMs });
    }
    return change;
  });
  await updateMessageStates(db, changes);
  await addStatistics(db, statistics.rows());
  await addSenderStatistics(db, senders.rows());
  await addDelays(db, delays);
  return messages.flatMap(({ message, stored }, index) => {
    const change = changes[index];
    if (change === undefined || change.status === message.status) return [];
    const at = change.changedAt === undefined ? stored[0]?.at : new Date(change.changedAt);
    return [{ ...message, status: change.status, reason: change.reason ?? null, at: at ?? message.claimedAt }];
  });
};

/** The consumer that learns what became of messages. */
export const deliveryEvents = (deps: DeliveryEventsDeps) => {
  const { topic, pool, log, metrics, epoch, deliveredThreshold, verdictTopic, outcomeTopic } = deps;
  const skippedRecords = metrics.counter('records_skipped_total', 'Offsets that were gone before they were counted.', [
    'topic',
  ]);
  const counted = metrics.counter('delivery_events_total', 'Delivery events counted or stored.', ['kind']);
  const groupId = 'delivery-events';
  return defineConsumer<DeliveryRecord>({
    name: groupId,
    topics: [topic],
    maxRecords: 50_000,
    fetchBytes: 2_000_000,
    handleBatch: async (records, context) => {
      const key = {
        groupId,
        topic: context.topic,
        topicEpoch: `${context.cluster}:${epoch}`,
        partition: context.partition,
      };
      const { bad, outbox } = await pool.transaction(async (db) => {
        const { fresh, next, skipped } = checkFence(await lockFence(db, key), records, context.highWatermark);
        if (skipped > 0n) {
          skippedRecords({ topic: context.topic }, Number(skipped));
          log.warn(
            { ...key, skipped: String(skipped) },
            'offsets are missing before this batch; were records removed before they were counted?',
          );
        }
        const place = `${key.topicEpoch}:${key.topic}:${key.partition}`;
        const { kept, moved: marks } = dropRepeats(fresh, await loadMarks(db, key, producersOf(fresh)));
        const folded = foldRecords(kept, place);
        const stored = await storeEvents(db, await withMessages(db, folded.storable));
        const moved = await changeMessages(db, stored);
        await suppressByEvents(db, stored);
        addStored(folded.counts, stored);
        const changes = await addToDomains(
          db,
          [...folded.counts].map(([domain, count]) => ({ domain, ...count })),
          { shard: context.partition, deliveredThreshold },
        );
        await notifyVerdicts(
          db,
          changes.map(({ domain }) => domain),
        );
        // Whatever else a transaction decides and others are to hear of goes into the same rows.
        const told: readonly OutboxRecord[] = [...verdictRecords(verdictTopic, changes)];
        const rows = await writeOutbox(db, told, ownMs, { topic: outcomeTopic, changes: moved });
        await moveMarks(db, key, marks);
        await moveFence(db, key, next);
        counted({ kind: 'stored' }, stored.length);
        counted({ kind: 'repeated' }, folded.storable.length - stored.length);
        counted({ kind: 'sent-again' }, fresh.length - kept.length);
        // One that was counted in vain before may not have reached the dead letters then: those store it once.
        const repeated = foldRecords(records.slice(0, records.length - fresh.length), place);
        return { bad: new Set([...repeated.bad, ...folded.bad]), outbox: rows };
      });
      deps.tell(outbox);
      return records.map((record) =>
        bad.has(record.offset) ? reject('bad-domain', 'An event names a domain that is none.') : done(),
      );
    },
  });
};

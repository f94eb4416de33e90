import { createIsoTime } from './iso-time.ts';
import type { CopyRow } from '../../shared/db/copy-rows.ts';
import type { SeededMessage, SeededRequest } from './seeded-requests.ts';
import type { SeedDecision } from './weights-history.ts';

/** Rows of one table, in the order of their columns. */
export interface TableRows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: CopyRow[];
}

const columns = {
  requests: 'id account_id lane class policy total batch_id content decision_id weights split created_at',
  messages:
    'id request_id account_id position email name mailbox_provider batch_id status esp attempt claimed_at duplicate_suspected provider_message_id reason opens clicks unsubscribed_at created_at updated_at',
  attempts: 'message_id number esp state started_at finished_at provider_message_id error',
  events: 'esp event_day event_hash message_id type at domain bounce_class machine reason stored_at',
  weight_decisions: 'id account_id batch_id window policy reason weights evidence totals counter decided_at',
} as const;

const tableOf = (table: keyof typeof columns): TableRows => ({ table, columns: columns[table].split(' '), rows: [] });

const subjects: Readonly<Record<string, string>> = {
  newsletter: 'What is new this month',
  offers: 'Three offers until Sunday',
  'product-news': 'A quicker way to plan your week',
};

const contentOf = (accountId: string, campaign: string | undefined): string =>
  JSON.stringify({
    from: `${accountId} <hello@${accountId}.example>`,
    subject: campaign === undefined ? 'Your receipt' : (subjects[campaign] ?? campaign),
    text: campaign === undefined ? 'Thank you for your order.' : 'Read it on our site.',
    tags: [campaign ?? 'receipt'],
  });

// One event has one place under its message, so the message's id with that place for its version digit is unique.
const eventHash = (messageId: string, place: number): string =>
  messageId.slice(0, 14) + place.toString(16) + messageId.slice(15);

/** The rows that one piece of the history becomes, table by table. */
export interface HistoryRows {
  add(request: SeededRequest): void;
  readonly tables: readonly TableRows[];
}

export const historyRows = (): HistoryRows => {
  const iso = createIsoTime();
  const requests = tableOf('requests');
  const messages = tableOf('messages');
  const attempts = tableOf('attempts');
  const events = tableOf('events');

  const addMessage = (request: SeededRequest, createdAt: string, message: SeededMessage): void => {
    const { id, person, fate } = message;
    const last = fate.attempts.at(-1);
    messages.rows.push([
      id,
      request.id,
      request.send.accountId,
      message.position,
      person.email,
      person.name,
      person.provider,
      request.batchId,
      fate.status,
      fate.esp,
      fate.attempts.length,
      iso(last?.startedMs ?? message.atMs),
      fate.attempts.some((attempt) => attempt.state === 'unknown'),
      last?.providerMessageId ?? null,
      fate.reason,
      fate.opens,
      fate.clicks,
      fate.unsubscribedMs === null ? null : iso(fate.unsubscribedMs),
      createdAt,
      iso(fate.updatedMs),
    ]);
    fate.attempts.forEach((attempt, index) => {
      const { esp, state, startedMs, finishedMs, providerMessageId, error } = attempt;
      attempts.rows.push([id, index + 1, esp, state, iso(startedMs), iso(finishedMs), providerMessageId, error]);
    });
    fate.events.forEach((event, place) => {
      const at = iso(event.atMs);
      events.rows.push([
        fate.esp,
        at.slice(0, 10),
        eventHash(id, place),
        id,
        event.type,
        at,
        person.domain,
        event.bounceClass,
        event.machine,
        event.reason,
        iso(event.atMs + 900),
      ]);
    });
  };

  return {
    tables: [requests, messages, attempts, events],
    add: (request) => {
      const { send, decision, split } = request;
      const isCampaign = send.campaign !== undefined;
      const createdAt = iso(send.atMs);
      requests.rows.push([
        request.id,
        send.accountId,
        isCampaign ? 'email-send-bulk' : 'email-send',
        isCampaign ? 'bulk' : 'transactional',
        'at-least-once',
        send.size,
        request.batchId === '' ? null : request.batchId,
        contentOf(send.accountId, send.campaign),
        decision.id,
        JSON.stringify(decision.weights),
        JSON.stringify(split),
        createdAt,
      ]);
      for (const message of request.messages) addMessage(request, createdAt, message);
    },
  };
};

export const decisionRows = (decisions: readonly SeedDecision[]): TableRows => {
  const iso = createIsoTime();
  const table = tableOf('weight_decisions');
  for (const { totals, ...decision } of decisions) {
    table.rows.push([
      decision.id,
      decision.accountId,
      decision.batchId,
      decision.window,
      'rates',
      decision.reason,
      JSON.stringify(decision.weights),
      JSON.stringify(decision.evidence),
      totals === null ? null : JSON.stringify(totals),
      decision.counter,
      iso(decision.decidedMs),
    ]);
  }
  return table;
};

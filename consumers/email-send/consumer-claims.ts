// The transactions before an ESP is called: requests and their weight decisions, messages and their claims.
import type { Database, Pool } from '../../shared/db/connect.ts';
import {
  claimDue,
  failDue,
  insertAndClaim,
  lockDueMessages,
  type DueMessage,
  type NewMessage,
  type RecipientData,
} from '../../shared/db/claim-messages.ts';
import { decideBatch, decideStanding, type WeighSettings } from '../../shared/db/decide-weights.ts';
import { insertRequests, loadRequests, storeRequestPlans, type StoredRequest } from '../../shared/db/requests.ts';
import { latestDecision, takePositions, type Decision } from '../../shared/db/weight-decisions.ts';
import { apportion, restrictWeights } from '../../shared/domain/apportion.ts';
import { messageIdsOf } from '../../shared/domain/request-ids.ts';
import { callTimeouts, type MessageClass } from '../../shared/domain/retry-rules.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import type { SendLane } from '../../shared/contracts/topics.ts';
import { byWeight, candidatesFrom, claimedMessage } from './claimed-message.ts';
import { compileMail, type CompiledMail } from './compile-mail.ts';
import type { HeavyContents } from './consumer-content.ts';
import type { Claims } from './consumer.ts';
import type { ClaimedMessage } from './deliver-messages.ts';
import type { PreparedRequest } from './prepare-request.ts';
import { cycleOf, splitRecipients } from './split-recipients.ts';

type Weights = Readonly<Record<string, number>>;

// A sender lives by decisions at most this old; they change every few seconds at most.
const standingTtlMs = 1_000;

/** A claim outlives its ESP call twice over, so that only a dead process loses one. */
export const leaseMsOf = (messageClass: MessageClass): number => 2 * callTimeouts(messageClass).totalTimeoutMs;

const emptyToNull = (data: RecipientData): RecipientData | null =>
  Object.values(data).every((value) => value === undefined) ? null : data;

/** Claims on Postgres for one lane. */
export const claimsOn = (pool: Pool, lane: SendLane, settings: WeighSettings, content: HeavyContents): Claims => {
  const standing = new Map<string, { readonly decision: Decision; readonly readAt: number }>();
  const cycles = new Map<string, string[]>();

  const standingDecision = async (accountId: string): Promise<Decision> => {
    const cached = standing.get(accountId);
    if (cached !== undefined && Date.now() - cached.readAt < standingTtlMs) return cached.decision;
    const latest = await latestDecision(pool, accountId, '');
    const isUsable =
      latest !== undefined &&
      settings.esps.every((esp) => latest.weights[esp] !== undefined) &&
      Object.keys(latest.weights).length === settings.esps.length;
    // Normally the weights' ticker has decided; a new account or a new ESP must not wait for it.
    const decision = isUsable ? latest : await pool.transaction((db) => decideStanding(db, accountId, settings));
    standing.set(accountId, { decision, readAt: Date.now() });
    return decision;
  };

  const cycleFor = (decision: Decision, weights: Weights, esps: readonly string[] | null): string[] => {
    const key = `${decision.id} ${esps?.join(',') ?? ''}`;
    const known = cycles.get(key);
    if (known !== undefined) return known;
    const cycle = cycleOf(weights);
    if (cycles.size > 200) cycles.clear();
    cycles.set(key, cycle);
    return cycle;
  };

  /** Decides the weights of requests that this transaction was the first to store; answers the ESP of single ones. */
  const planNew = async (
    db: Database,
    fresh: readonly PreparedRequest[],
    standingOf: ReadonlyMap<string, Decision>,
  ): Promise<ReadonlyMap<string, string>> => {
    const decided: { readonly request: PreparedRequest; readonly decision: Decision; readonly weights: Weights }[] = [];
    for (const request of fresh) {
      const decision =
        request.batchId === null
          ? standingOf.get(request.accountId)
          : await decideBatch(db, request.accountId, request.batchId, settings);
      if (decision === undefined) throw new RangeError('a standing decision is missing');
      decided.push({ request, decision, weights: restrictWeights(decision.weights, request.esps ?? undefined) });
    }
    const singles = new Map<number, typeof decided>();
    for (const one of decided) {
      if (one.request.part.total === 1) singles.set(one.decision.id, [...(singles.get(one.decision.id) ?? []), one]);
    }
    const espOfSingle = new Map<string, string>();
    // In one order for all processes, since each counter is locked until the transaction ends.
    for (const [decisionId, group] of [...singles].sort(([a], [b]) => a - b)) {
      const first = await takePositions(db, decisionId, group.length);
      group.forEach(({ request, decision, weights }, index) => {
        const cycle = cycleFor(decision, weights, request.esps);
        const esp = cycle[(first + index) % cycle.length];
        if (esp !== undefined) espOfSingle.set(request.id, esp);
      });
    }
    await storeRequestPlans(
      db,
      decided.map(({ request, decision, weights }) => {
        const single = espOfSingle.get(request.id);
        const split =
          single === undefined ? apportion(request.part.total, weights) : { ...apportion(0, weights), [single]: 1 };
        return { id: request.id, decisionId: decision.id, weights, split };
      }),
    );
    return espOfSingle;
  };

  const newMessages = (request: PreparedRequest, stored: StoredRequest, single: string | undefined): NewMessage[] => {
    const esps =
      single === undefined
        ? splitRecipients(
            stored.weights ?? {},
            request.id,
            request.part,
            request.recipients.map((recipient) => recipient.mailboxProvider),
          )
        : [single];
    const idOf = messageIdsOf(request.id);
    return request.recipients.map((recipient, index) => ({
      id: idOf(request.part.first + index),
      requestId: request.id,
      accountId: stored.accountId,
      position: request.part.first + index,
      email: recipient.email,
      name: recipient.name,
      data: emptyToNull({
        substitutions: recipient.substitutions,
        metadata: recipient.metadata,
        cc: recipient.cc,
        bcc: recipient.bcc,
      }),
      mailboxProvider: recipient.mailboxProvider,
      batchId: request.batchId ?? '',
      esp: esps[index] ?? '',
      sendAt: request.sendAt,
      leaseMs: leaseMsOf(request.messageClass),
    }));
  };

  return {
    claimNew: async (requests, leaseToken) => {
      const standingOf = new Map<string, Decision>();
      for (const accountId of new Set(requests.map((request) => request.accountId))) {
        standingOf.set(accountId, await standingDecision(accountId));
      }
      return pool.transaction(async (db) => {
        const byId = new Map(requests.map((request) => [request.id, request]));
        const inserted = await insertRequests(
          db,
          [...byId.values()].map((request) => ({
            id: request.id,
            accountId: request.accountId,
            lane,
            class: request.messageClass,
            policy: request.policy,
            total: request.part.total,
            batchId: request.batchId,
            esps: request.esps,
            content: request.asked,
          })),
        );
        const espOfSingle = await planNew(
          db,
          [...byId.values()].filter((request) => inserted.has(request.id)),
          standingOf,
        );
        const stored = await loadRequests(db, [...byId.keys()], { withContent: false });
        const rows = new Map<string, { readonly message: NewMessage; readonly request: PreparedRequest }>();
        for (const request of requests) {
          const row = stored.get(request.id);
          const single = espOfSingle.get(request.id);
          // A stored request of one recipient has its message already: both were written in one transaction.
          if (row === undefined || (request.part.total === 1 && single === undefined)) continue;
          for (const message of newMessages(request, row, single)) rows.set(message.id, { message, request });
        }
        // In the order of ids, so that two processes never wait for each other over the same messages.
        const ordered = [...rows.values()].sort((a, b) => (a.message.id < b.message.id ? -1 : 1));
        const claimed = await insertAndClaim(
          db,
          ordered.map((row) => row.message),
          leaseToken,
        );
        const now = Date.now();
        return ordered
          .filter(({ message }) => claimed.has(message.id))
          .map(({ message, request }) => {
            const candidates = candidatesFrom(message.esp, stored.get(request.id)?.weights ?? {});
            return claimedMessage(
              request.mail,
              { ...message, attempt: 1, createdAtMs: now },
              request.messageClass,
              candidates,
              leaseToken,
            );
          });
      });
    },

    claimDue: async (ids, leaseToken) =>
      pool.transaction(async (db) => {
        const due = await lockDueMessages(db, ids);
        const requests = await loadRequests(db, [...new Set(due.map((message) => message.requestId))], {
          withContent: true,
        });
        const mails = new Map<string, CompiledMail>();
        const claim = async (message: DueMessage, request: StoredRequest): Promise<ClaimedMessage> => {
          const { contentRef } = request.content;
          const heavy = contentRef === undefined ? undefined : await content.load(contentRef);
          const mail = mails.get(request.id) ?? compileMail({ ...request.content, ...heavy });
          mails.set(request.id, mail);
          const standingOfAccount = await standingDecision(message.accountId);
          const weights = restrictWeights(standingOfAccount.weights, request.esps ?? undefined);
          // A first attempt keeps its place in the split; a retry begins with whoever did not have the last one.
          const others = byWeight(weights).filter((esp) => esp !== message.esp);
          const order = message.attempt === 0 ? candidatesFrom(message.esp, weights) : [...others, message.esp];
          const candidates = order.filter((esp) => settings.esps.includes(esp));
          if (candidates.length === 0) {
            throw new InvalidMessageError('unknown-esp', 'None of the ESPs that may send it is configured any more.');
          }
          const messageClass = request.class === 'otp' || request.class === 'bulk' ? request.class : 'transactional';
          const next = { ...message, attempt: message.attempt + 1, createdAtMs: message.createdAt.getTime() };
          return claimedMessage(mail, next, messageClass, candidates, leaseToken);
        };
        const claimed: ClaimedMessage[] = [];
        const unsendable: { readonly id: string; readonly reason: string }[] = [];
        for (const message of due) {
          const request = requests.get(message.requestId);
          if (request === undefined) continue;
          try {
            claimed.push(await claim(message, request));
          } catch (error) {
            if (!(error instanceof InvalidMessageError)) throw error;
            // It alone has failed: its record names hundreds of others, and would be published again for ever.
            unsendable.push({ id: message.id, reason: error.message });
          }
        }
        await failDue(db, unsendable);
        await claimDue(
          db,
          claimed.map((message) => ({
            id: message.id,
            esp: message.candidates[0] ?? '',
            leaseMs: leaseMsOf(message.messageClass),
          })),
          leaseToken,
        );
        return claimed;
      }),
  };
};

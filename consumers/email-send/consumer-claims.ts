// The transactions before an ESP is called: requests and their plans, messages and their claims.
import type { Database, Pool } from '../../shared/db/connect.ts';
import {
  claimDue,
  endDue,
  insertAndClaim,
  lockDueMessages,
  putOffDue,
  replaceData,
  type DueMessage,
  type NewMessage,
  type RecipientData,
} from '../../shared/db/claim-messages.ts';
import type { WeighSettings } from '../../shared/db/decide-weights.ts';
import { insertPaced } from '../../shared/db/paced-requests.ts';
import { cancelReason, holdDue, loadOrders, type RequestOrder } from '../../shared/db/request-orders.ts';
import { insertRequests, loadRequests, type StoredRequest } from '../../shared/db/requests.ts';
import { writeOutcomes } from '../../shared/db/write-outcomes.ts';
import type { StateChange } from '../../shared/domain/outcome-records.ts';
import { messageIdsOf } from '../../shared/domain/request-ids.ts';
import { callTimeouts, type MessageClass } from '../../shared/domain/next-attempt.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { ownMs, type Telling } from '../../shared/runtime/teller.ts';
import type { RequestPart } from '../../shared/contracts/email.ts';
import type { SendLane } from '../../shared/contracts/topics.ts';
import { asProbe, asRepeat, claimedMessage, type OpenSealed } from './claimed-message.ts';
import { compileMail, type CompiledMail } from './compile-mail.ts';
import type { MakeLink } from '../../shared/domain/unsubscribe-link.ts';
import type { HeavyContents } from './consumer-content.ts';
import { askConsent, type AskedMessage } from './consumer-consent.ts';
import { canRepeat, repeatsAmong } from './consumer-repeats.ts';
import { complaintGuardOn, noComplaintGuard, withWait } from './consumer-guard.ts';
import { planRequests, standingDecisions } from './consumer-plans.ts';
import { templatesOn, type Templates } from './consumer-templates.ts';
import type { Allowances, Routing } from './consumer-routing.ts';
import type { Claims } from './consumer.ts';
import type { ClaimedMessage } from './deliver-messages.ts';
import { openSealedWith } from './open-sealed.ts';
import { isNobodyLeft, orderEsps, orderStored, probedOnly } from './order-esps.ts';
import { canProbe, pickProbes, type ProbeCandidate } from './pick-probes.ts';
import { planRequest, providerWeightsOnce } from '../../shared/domain/plan-request.ts';
import { textsOf, type PreparedRequest } from './prepare-request.ts';
import { splitRecipients } from '../../shared/domain/split-recipients.ts';

/** A claim outlives its ESP call twice over, so that only a dead process loses one. */
export const leaseMsOf = (messageClass: MessageClass): number => 2 * callTimeouts(messageClass).totalTimeoutMs;

const emptyToNull = (data: RecipientData): RecipientData | null =>
  Object.values(data).every((value) => value === undefined) ? null : data;

const totalsOf = ({ providers }: RequestPart): Record<string, number> =>
  Object.fromEntries(Object.entries(providers).map(([provider, { total }]) => [provider, total]));
const evenly = (weights: Readonly<Record<string, number>>, { providers }: RequestPart) =>
  Object.fromEntries(Object.keys(providers).map((provider) => [provider, weights]));

const messageClassOf = (stored: StoredRequest): MessageClass =>
  stored.class === 'otp' || stored.class === 'bulk' ? stored.class : 'transactional';

const isLater = ({ sendAt, hold }: NewMessage): boolean => sendAt !== null || hold !== undefined;

const holdOf = (order: RequestOrder | undefined, isPaced: boolean): NewMessage['hold'] => {
  if (order?.isCancelled === true) return 'cancelled';
  if (isPaced) return 'turn';
  return order?.isPaused === true ? 'paused' : undefined;
};

const listOf = (request: PreparedRequest): string | null => request.asked.unsubscribe?.list ?? null;

/** The mails of requests whose earlier parts met another version of their template: by that version's texts. */
const mailsAsStored = async (
  requests: readonly PreparedRequest[],
  stored: ReadonlyMap<string, StoredRequest>,
  templates: Templates,
): Promise<ReadonlyMap<PreparedRequest, CompiledMail>> => {
  const mails = new Map<PreparedRequest, CompiledMail>();
  const byId = new Map<string, CompiledMail>();
  for (const request of requests) {
    const { template } = request.asked;
    const version = stored.get(request.id)?.templateVersion;
    if (template === undefined || version === undefined || version === null || version === template.version) continue;
    const texts = await templates.stored(request.accountId, { ...template, version });
    const mail = byId.get(request.id) ?? request.compileWith(texts);
    byId.set(request.id, mail);
    mails.set(request, mail);
  }
  return mails;
};

/** Claims on Postgres for one lane. */
export const claimsOn = (
  pool: Pool,
  lane: SendLane,
  settings: WeighSettings,
  routing: Routing,
  content: HeavyContents,
  /** ESPs that know their own repeats. */
  knowRepeats: ReadonlySet<string> = new Set(),
  {
    templates = templatesOn(pool),
    makeLink,
    openSealed = openSealedWith(undefined),
    telling,
  }: {
    readonly templates?: Templates;
    readonly makeLink?: MakeLink | undefined;
    readonly openSealed?: OpenSealed;
    /** Without it nobody is told what became of messages that are not sent. */
    readonly telling?: Telling | undefined;
  } = {},
): Claims => {
  const weightsFor = providerWeightsOnce();
  const guard = lane === 'email-send-bulk' ? complaintGuardOn(pool) : noComplaintGuard;

  /** The message that tries each ESP which gets probes alone, as far as its probe of this round is still to be had. */
  const probesAmong = async (
    db: Database,
    messages: readonly ProbeCandidate[],
    allowances: Allowances,
  ): Promise<ReadonlyMap<string, string>> => {
    const nobodyLeft = (esps: readonly string[] | null): boolean => isNobodyLeft(esps ?? settings.esps, allowances);
    const sick = probedOnly(settings.esps, allowances).filter((esp) => canProbe(messages, esp, nobodyLeft));
    return sick.length === 0 ? new Map() : pickProbes(await routing.takeProbes(db, sick), messages, nobodyLeft);
  };

  const espsOf = (request: PreparedRequest, stored: StoredRequest): readonly string[] => {
    const providers = request.recipients.map((recipient) => recipient.mailboxProvider);
    // Requests that an older version planned have no plan by provider.
    const plan = stored.plan ?? planRequest(evenly(stored.weights ?? {}, request.part), totalsOf(request.part)).plan;
    return splitRecipients(plan, request.id, request.part, providers);
  };

  const newMessages = (
    request: PreparedRequest,
    stored: StoredRequest,
    order: RequestOrder | undefined,
  ): NewMessage[] => {
    const isPaced = typeof stored.batchSize === 'number';
    // A batch gets its ESPs when it is its turn.
    const esps = isPaced ? [] : espsOf(request, stored);
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
        sealed: recipient.sealed,
      }),
      mailboxProvider: recipient.mailboxProvider,
      batchId: request.batchId ?? '',
      esp: esps[index] ?? '',
      sendAt: order?.sendAt ?? request.sendAt,
      leaseMs: leaseMsOf(request.messageClass),
      hold: holdOf(order, isPaced),
    }));
  };

  /** Claims in one transaction, and tells of those that are over with it. */
  const claiming = async <T>(work: (db: Database, over: StateChange[]) => Promise<T>): Promise<T> => {
    const { claimed, told } = await pool.transaction(async (db) => {
      const over: StateChange[] = [];
      const result = await work(db, over);
      return { claimed: result, told: await writeOutcomes(db, telling?.topic, over, ownMs) };
    });
    telling?.tell(told);
    return claimed;
  };
  const ended = (
    status: 'failed' | 'suppressed' | 'cancelled',
    messages: readonly DueMessage[],
    at: ReadonlyMap<string, Date>,
    reasons: ReadonlyMap<string, string>,
  ): StateChange[] =>
    messages.flatMap((message) => {
      const since = at.get(message.id);
      return since === undefined ? [] : [{ ...message, status, at: since, reason: reasons.get(message.id) ?? null }];
    });

  return {
    claimNew: async (requests, leaseToken) => {
      const allowances = await routing.allowances();
      const standingOf = await standingDecisions(routing, requests);
      const holdMessages = await guard.ready();
      return claiming(async (db, over) => {
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
            senderDomain: request.senderDomain,
            batchSize: request.pace?.size ?? null,
          })),
        );
        const fresh = [...byId.values()].filter((request) => inserted.has(request.id));
        const orderOf = await loadOrders(
          db,
          requests.map(({ id, accountId }) => ({ accountId, requestId: id })),
        );
        const orderAbout = ({ id, accountId }: PreparedRequest) => orderOf({ accountId, requestId: id });
        await insertPaced(
          db,
          fresh.flatMap((request) => {
            const order = orderAbout(request);
            if (request.pace === null) return [];
            const { id, accountId, part, pace, sendAt } = request;
            const state = order?.isCancelled === true ? 'over' : order?.isPaused === true ? 'paused' : 'waiting';
            return [{ id, accountId, total: part.total, ...pace, sendAt: order?.sendAt ?? sendAt, state } as const];
          }),
        );
        const atOnce = fresh.filter(({ pace }) => pace === null);
        await planRequests(db, atOnce, standingOf, settings, (decision, esps, providers) =>
          weightsFor(decision, esps, providers, allowances),
        );
        const stored = await loadRequests(db, [...byId.keys()], { withContent: false });
        const taken: PreparedRequest[] = [];
        const rows = new Map<string, { readonly message: NewMessage; readonly request: PreparedRequest }>();
        for (const request of requests) {
          const row = stored.get(request.id);
          // Ids are one space for all: mail under another account's would be its mail.
          if (row !== undefined && row.accountId !== request.accountId) {
            taken.push(request);
            continue;
          }
          // A stored request of one recipient has its message already: both were written in one transaction.
          if (row === undefined || (request.part.total === 1 && !inserted.has(request.id))) continue;
          for (const message of newMessages(request, row, orderAbout(request)))
            rows.set(message.id, { message, request });
        }
        const mails = await mailsAsStored(requests, stored, templates);
        // What waits for its time anyway is asked about when that has come.
        const nowMs = Date.now();
        const askedOf = ({
          message,
          request,
        }: {
          readonly message: NewMessage;
          readonly request: PreparedRequest;
        }) => ({
          ...message,
          messageClass: request.messageClass,
          list: listOf(request),
        });
        const consent = await askConsent(
          db,
          [...rows.values()]
            .filter(
              ({ message: { sendAt, hold } }) => hold === undefined && (sendAt === null || Date.parse(sendAt) <= nowMs),
            )
            .map(askedOf),
        );
        for (const [id, row] of rows) {
          const of = askedOf(row);
          const message = { ...row.message, data: consent.dataOf(of), suppressed: consent.reasonAgainst(of) };
          rows.set(id, { ...row, message });
        }
        const asked = [...rows.values()].filter(
          ({ message, request }) =>
            request.messageClass === 'bulk' &&
            message.sendAt === null &&
            message.hold === undefined &&
            message.suppressed === undefined,
        );
        const waits = await holdMessages(
          db,
          asked.map(({ message, request }) => ({ ...message, senderDomain: request.senderDomain })),
          true,
        );
        // In the order of ids, so that two processes never wait for each other over the same messages.
        const ordered = [...rows.values()]
          .map(({ message, request }) => ({ message: withWait(message, waits.get(message.id)), request }))
          .sort((a, b) => (a.message.id < b.message.id ? -1 : 1));
        const probes = await probesAmong(
          db,
          ordered
            .filter(({ message }) => message.suppressed === undefined)
            .map(({ message, request }) => ({ ...request, id: message.id, isLater: isLater(message) })),
          allowances,
        );
        const now = Date.now();
        const orders = new Map(
          ordered.map(({ message, request }) => {
            const order = orderEsps(message.esp, stored.get(request.id)?.weights ?? {}, allowances);
            return [message.id, asProbe(order, probes.get(message.id))];
          }),
        );
        // The row names the ESP that is asked, unless its time is to come: then it keeps its place in the split.
        const firstOf = ({ id, esp, sendAt, suppressed, hold }: NewMessage): string =>
          suppressed !== undefined || hold !== undefined || (sendAt !== null && Date.parse(sendAt) > now)
            ? esp
            : (orders.get(id)?.candidates[0] ?? esp);
        const { claimed, suppressed, cancelled } = await insertAndClaim(
          db,
          ordered.map(({ message }) => ({ ...message, esp: firstOf(message) })),
          leaseToken,
        );
        for (const { message } of ordered) {
          const at = suppressed.get(message.id);
          const change = { status: 'suppressed', attempt: 0, reason: message.suppressed ?? null };
          if (at !== undefined) over.push({ ...message, ...change, at });
          const cancelledAt = cancelled.get(message.id);
          const off = { status: 'cancelled', attempt: 0, reason: cancelReason };
          if (cancelledAt !== undefined) over.push({ ...message, ...off, at: cancelledAt });
        }
        const ours = ordered.flatMap(({ message, request }) => {
          const order = orders.get(message.id);
          if (order === undefined || !claimed.has(message.id)) return [];
          const first = { ...message, attempt: 1, createdAtMs: performance.now() };
          const mail = mails.get(request) ?? request.mail;
          const of = { accountId: message.accountId, list: listOf(request) };
          return [claimedMessage(mail, first, request.messageClass, order, leaseToken, of, openSealed)];
        });
        return { claimed: ours, taken };
      });
    },

    claimDue: async (ids, leaseToken) => {
      const allowances = await routing.allowances();
      const holdMessages = await guard.ready();
      return claiming(async (db, over) => {
        const found = await lockDueMessages(db, ids);
        const orderOf = await loadOrders(db, found);
        const ordered = (word: 'isCancelled' | 'isPaused') =>
          found.filter((message) => orderOf(message)?.[word] === true);
        const cancelled = ordered('isCancelled').map(({ id }) => ({ id, reason: cancelReason }));
        const whyOff = new Map(cancelled.map(({ id, reason }) => [id, reason]));
        over.push(...ended('cancelled', found, await endDue(db, 'cancelled', cancelled), whyOff));
        const paused = ordered('isPaused').filter((message) => orderOf(message)?.isCancelled === false);
        await holdDue(
          db,
          paused.map(({ id }) => id),
        );
        const locked = found.filter((message) => {
          const order = orderOf(message);
          return order?.isCancelled !== true && order?.isPaused !== true;
        });
        const requests = await loadRequests(db, [...new Set(locked.map((message) => message.requestId))], {
          withContent: true,
        });
        const askedOf = (message: DueMessage): AskedMessage => {
          const request = requests.get(message.requestId);
          const messageClass = request === undefined ? 'transactional' : messageClassOf(request);
          return { ...message, messageClass, list: request?.list ?? null };
        };
        const consent = await askConsent(db, locked.map(askedOf));
        const suppressed = locked.flatMap((message) => {
          const reason = consent.reasonAgainst(askedOf(message));
          return reason === undefined ? [] : [{ id: message.id, reason }];
        });
        const isSuppressed = new Map(suppressed.map(({ id, reason }) => [id, reason]));
        over.push(...ended('suppressed', locked, await endDue(db, 'suppressed', suppressed), isSuppressed));
        const sendable = locked.flatMap((message) =>
          isSuppressed.has(message.id) ? [] : [{ ...message, data: consent.dataOf(askedOf(message)) }],
        );
        const before = new Map(locked.map(({ id, data }) => [id, data]));
        await replaceData(
          db,
          sendable.filter(({ id, data }) => before.get(id) !== data),
        );
        // A message with a reason has had its wait, or its first attempt.
        const asked = sendable.flatMap((message) => {
          const request = requests.get(message.requestId);
          const isAsked = request?.class === 'bulk' && message.attempt === 0 && message.reason === null;
          return isAsked ? [{ ...message, senderDomain: request.senderDomain ?? null }] : [];
        });
        const waits = await holdMessages(db, asked, false);
        await putOffDue(db, waits);
        const due = sendable.filter(({ id }) => !waits.has(id));
        const mails = new Map<string, CompiledMail>();
        const probes = await probesAmong(
          db,
          due.flatMap(({ id, requestId }) => {
            const request = requests.get(requestId);
            if (request === undefined) return [];
            const policy = request.policy === 'at-most-once' ? 'at-most-once' : 'at-least-once';
            return [{ id, messageClass: messageClassOf(request), policy, esps: request.esps, isLater: false } as const];
          }),
          allowances,
        );
        const repeatOf = await repeatsAmong(
          db,
          due.filter((message) => {
            const request = requests.get(message.requestId);
            return request !== undefined && canRepeat(message, messageClassOf(request), knowRepeats);
          }),
          askedOf,
          openSealed,
        );
        const claim = async (message: DueMessage, request: StoredRequest): Promise<ClaimedMessage> => {
          const { contentRef } = request.content;
          const heavy = contentRef === undefined ? undefined : await content.load(contentRef);
          const { template } = request.content;
          const texts = template && textsOf(await templates.stored(request.accountId, template));
          const mail =
            mails.get(request.id) ??
            compileMail({ ...request.content, ...heavy, ...texts }, { accountId: request.accountId, makeLink });
          mails.set(request.id, mail);
          const standing = await routing.standing(message.accountId);
          const { mailboxProvider: provider } = message;
          const weights = weightsFor(standing, request.esps, [provider], allowances)[provider] ?? {};
          const order = orderStored(message, weights, settings.esps, allowances);
          if (order === undefined) {
            throw new InvalidMessageError('unknown-esp', 'None of the ESPs that may send it is configured any more.');
          }
          // By Postgres's clock: a host whose own is wrong must not take a message for too old.
          const next = { ...message, attempt: message.attempt + 1, createdAtMs: performance.now() - message.ageMs };
          const tried = asProbe(order, probes.get(message.id));
          const of = { accountId: message.accountId, list: request.list };
          const claimed = claimedMessage(mail, next, messageClassOf(request), tried, leaseToken, of, openSealed);
          const repeat = repeatOf.get(message.id);
          return repeat === undefined ? claimed : asRepeat(claimed, message.esp, repeat(mail));
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
        const reasons = new Map(unsendable.map(({ id, reason }) => [id, reason]));
        over.push(...ended('failed', locked, await endDue(db, 'failed', unsendable), reasons));
        await claimDue(
          db,
          claimed.map((message) => ({
            id: message.id,
            esp: message.candidates[0] ?? '',
            leaseMs: leaseMsOf(message.messageClass),
            isRepeat: message.repeat !== undefined,
          })),
          leaseToken,
        );
        return claimed;
      });
    },
  };
};

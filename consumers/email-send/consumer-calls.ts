// Calls of ESPs, each only where it may be made now: the ESP is open, wants calls, and has something left of its limits.
import { callTimeouts, type MessageClass } from '../../shared/domain/next-attempt.ts';
import { InfrastructureError } from '../../shared/errors.ts';
import type { Delivery, DeliveryAnswer, Esp } from '../../shared/esp/esp.ts';
import { limitConcurrency } from '../../shared/runtime/limit-concurrency.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { Budgets, FleetLimits, Grant } from './consumer-budgets.ts';
import { leaseMsOf } from './consumer-claims.ts';
import type { Allowances, Routing } from './consumer-routing.ts';
import { noAnswer, type DeliveryPorts } from './deliver-messages.ts';
import { stopping } from './decide-next-step.ts';
import { probedOnly } from './order-esps.ts';

/** Codes of answers that no call stands behind: they say nothing of the ESP. */
export const notMade: ReadonlySet<string> = new Set([
  ...['not-begun', 'resting', 'unhealthy', 'paused', 'over-budget'],
  stopping,
]);

/** Whether an ESP refused our credentials or our account. */
export const isCredentials = (answer: DeliveryAnswer): answer is Extract<DeliveryAnswer, { outcome: 'refused' }> =>
  answer.outcome === 'refused' && answer.reason === 'credentials';

const notCalled = (code: string, detail: string, retryAfterMs: number): DeliveryAnswer => ({
  outcome: 'unavailable',
  reason: 'throttled',
  retryAfterMs,
  code,
  detail,
});

const overBudget = ({ by, retryAfterMs }: NonNullable<Grant['held']>): DeliveryAnswer => ({
  outcome: 'unavailable',
  reason: by === 'second' ? 'throttled' : 'quota',
  retryAfterMs,
  code: 'over-budget',
  detail: by === 'second' ? 'It may have no more messages a second.' : `What it may have this ${by} is spent.`,
});

// Once a minute is enough to be seen, and a campaign's worth of refusals would hide everything else.
const tellEveryMs = 60_000;

/** Tells an operator of refused credentials: nothing but a person helps. */
const credentialsTeller = (metrics: Metrics, log: Logger) => {
  const refused = metrics.counter(
    'esp_credentials_refused_total',
    'Messages refused by an ESP because of our credentials or the state of our account.',
    ['esp'],
  );
  const toldAt = new Map<string, number>();
  return (esp: string, answers: readonly DeliveryAnswer[], nowMs: number): void => {
    const refusals = answers.filter(isCredentials);
    const [first] = refusals;
    if (first === undefined) return;
    refused({ esp }, refusals.length);
    if (nowMs - (toldAt.get(esp) ?? -Infinity) < tellEveryMs) return;
    toldAt.set(esp, nowMs);
    log.error({ esp, code: first.code, detail: first.detail }, 'an ESP refuses our credentials or our account');
  };
};

const heldBack = (esp: string, allowances: Allowances): DeliveryAnswer | undefined => {
  if (allowances[esp]?.kind === 'none') return notCalled('paused', 'An operator has taken it out.', 1_000);
  return probedOnly(Object.keys(allowances), allowances).includes(esp)
    ? notCalled('unhealthy', 'It is unhealthy, and this message is not its probe.', 1_000)
    : undefined;
};

// However long an ESP asks to be left alone, it is asked again after an hour.
const longestRestMs = 3_600_000;

/** How long an ESP wants no more calls, by the answers to one; 0 when it says nothing of the kind. */
export const restAfter = (answers: readonly DeliveryAnswer[]): number =>
  Math.min(
    longestRestMs,
    Math.max(
      0,
      ...answers.map((answer) =>
        answer.outcome === 'unavailable' && answer.reason !== 'outage' ? (answer.retryAfterMs ?? 0) : 0,
      ),
    ),
  );

/** How long a call may wait for its turn: what is left of a claim then is enough for the call itself. */
const patienceOf = (messageClass: MessageClass, patienceMs: number): number => {
  const { connectTimeoutMs, totalTimeoutMs } = callTimeouts(messageClass);
  return Math.min(patienceMs, leaseMsOf(messageClass) - totalTimeoutMs - connectTimeoutMs);
};

export interface CallOptions {
  /** Whether calls that have not begun are left to another process. */
  readonly isStopping?: (() => boolean) | undefined;
  /** Writes down a call of an ESP that knows its repeats, before it is made. Throws `InfrastructureError`. */
  readonly noteCall?: ((esp: string, deliveries: readonly Delivery[], leaseToken: string) => Promise<void>) | undefined;
}

/**
 * Calls of the given ESPs. One that would begin later than `patienceMs` after it was asked for is not made: its messages
 * go back to wait, so that no batch of records outlives its lease. Of an ESP that the fleet may send so much and no more, a
 * call waits that long for its part, and is made in smaller ones where that comes in parts.
 */
export const callsOn = (
  esps: readonly Esp[],
  budgets: Budgets,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Logger },
  routing: Pick<Routing, 'latest' | 'limitsOf'> & Partial<Pick<Routing, 'restMsOf'>>,
  patienceMs: number,
  { isStopping = () => false, noteCall = () => Promise.resolve() }: CallOptions = {},
): Pick<DeliveryPorts, 'limitsOf' | 'send'> & { close(): Promise<void> } => {
  const byName = new Map(esps.map((esp) => [esp.name, { esp, limit: limitConcurrency(esp.limits.concurrentCalls) }]));
  const restUntil = new Map<string, number>();
  const callSeconds = metrics.histogram('esp_call_seconds', 'Time of one call of an ESP.', ['esp']);
  const answered = metrics.counter('esp_answers_total', 'Messages answered by ESPs, by outcome.', ['esp', 'outcome']);
  const heldByBudget = metrics.counter(
    'esp_over_budget_total',
    'Messages that an ESP was not handed because of what the fleet may send it, by limit.',
    ['esp', 'limit'],
  );
  const tellOfCredentials = credentialsTeller(metrics, log);
  const configured = (name: string) => {
    const found = byName.get(name);
    if (found === undefined) throw new RangeError(`ESP ${name} is not configured`);
    return found;
  };

  /** Why an ESP is not to be called now. */
  const notNow = (name: string, isProbe: boolean): DeliveryAnswer | undefined => {
    if (isStopping()) return notCalled(stopping, 'The process stops; another one sends it.', 1_000);
    // It may have fallen ill, or been taken out, since these messages were planned for it.
    const held = isProbe ? undefined : heldBack(name, routing.latest());
    if (held !== undefined) return held;
    const restMs = Math.max((restUntil.get(name) ?? 0) - performance.now(), routing.restMsOf?.(name) ?? 0);
    return restMs > 0 ? notCalled('resting', 'It asked to be left alone for a while.', restMs) : undefined;
  };

  const call = async (
    esp: Esp,
    deliveries: readonly Delivery[],
    messageClass: MessageClass,
    /** Undefined for a repeat, which was noted when it was first made. */
    leaseToken: string | undefined,
  ): Promise<readonly DeliveryAnswer[]> => {
    // A message that was alone in its call is found again without a note.
    if (esp.knowsRepeats === true && leaseToken !== undefined && deliveries.length > 1) {
      try {
        await noteCall(esp.name, deliveries, leaseToken);
      } catch (error) {
        if (!(error instanceof InfrastructureError)) throw error;
        const held = notCalled('not-begun', 'Postgres was away, so the call could not be noted.', 1_000);
        return deliveries.map(() => held);
      }
    }
    const startedAt = performance.now();
    const answers = await esp.send(deliveries, callTimeouts(messageClass));
    callSeconds((performance.now() - startedAt) / 1_000, { esp: esp.name });
    for (const answer of answers) answered({ esp: esp.name, outcome: answer.outcome });
    tellOfCredentials(esp.name, answers, performance.now());
    const wantedMs = restAfter(answers);
    if (wantedMs > 0) restUntil.set(esp.name, performance.now() + wantedMs);
    return answers;
  };

  /** How many of so many messages may be sent now, or the answer for all of them. */
  const allowed = async (
    esp: Esp,
    limits: FleetLimits | undefined,
    wanted: number,
    deadlineMs: number,
  ): Promise<number | DeliveryAnswer> => {
    if (limits === undefined) {
      const isLate = performance.now() > deadlineMs;
      return isLate ? notCalled('not-begun', 'Earlier calls took too long; this one was not made.', 1_000) : wanted;
    }
    const { granted, held } = await budgets.take(esp.name, limits, wanted, deadlineMs);
    if (held === undefined) return granted;
    heldByBudget({ esp: esp.name, limit: held.by }, wanted);
    return overBudget(held);
  };

  return {
    limitsOf: (name) => {
      const { limits } = configured(name).esp;
      // A call has to wait until all of it may be sent: more than a second's worth would wait in vain.
      const most = routing.limitsOf(name)?.perSecond ?? Infinity;
      return most < limits.deliveriesPerCall ? { ...limits, deliveriesPerCall: most } : limits;
    },
    send: (name, deliveries, { messageClass, isProbe, leaseToken, isRepeat = false }) => {
      const { esp, limit } = configured(name);
      const deadlineMs = performance.now() + patienceOf(messageClass, patienceMs);
      return limit(async (): Promise<readonly DeliveryAnswer[]> => {
        if (isRepeat) {
          const held = notNow(name, isProbe);
          return held === undefined ? call(esp, deliveries, messageClass, undefined) : deliveries.map(() => held);
        }
        const answers: DeliveryAnswer[] = [];
        while (answers.length < deliveries.length) {
          const rest = deliveries.slice(answers.length);
          const may = notNow(name, isProbe) ?? (await allowed(esp, routing.limitsOf(name), rest.length, deadlineMs));
          if (typeof may !== 'number') {
            answers.push(...rest.map(() => may));
            break;
          }
          const part = rest.slice(0, may);
          const told = await call(esp, part, messageClass, leaseToken);
          answers.push(...part.map((_, index) => told[index] ?? noAnswer));
        }
        return answers;
      });
    },
    close: () => budgets.close(),
  };
};

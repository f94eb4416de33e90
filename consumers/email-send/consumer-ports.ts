// What delivering needs of the outside: ESP calls within their limits, and one statement for the ends of many attempts.
import type { Pool } from '../../shared/db/connect.ts';
import { addCalls } from '../../shared/db/esp-health.ts';
import { recordAnswers, type AnswerRow } from '../../shared/db/record-answers.ts';
import { addStatistics, statisticsFold } from '../../shared/db/statistics.ts';
import { InfrastructureError } from '../../shared/errors.ts';
import { hideAddresses } from '../../shared/domain/hide-addresses.ts';
import { callTimeouts } from '../../shared/domain/retry-rules.ts';
import type { DeliveryAnswer, Esp } from '../../shared/esp/esp.ts';
import { backoffMs } from '../../shared/runtime/backoff.ts';
import { carryAll } from '../../shared/runtime/carry-all.ts';
import { limitConcurrency } from '../../shared/runtime/limit-concurrency.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { leaseMsOf } from './consumer-claims.ts';
import { isBadForHealth } from './decide-next-step.ts';
import type { DeliveryPorts, EndedAttempt } from './deliver-messages.ts';

const rowOf = ({ message, esp, step }: EndedAttempt): AnswerRow => ({
  id: message.id,
  attempt: message.attempt,
  leaseToken: message.leaseToken,
  esp,
  step: step.kind,
  providerMessageId: step.kind === 'sent' ? (step.providerMessageId ?? null) : null,
  error: step.kind === 'sent' ? null : step.error,
  waitMs: step.kind === 'retry' ? step.delayMs : step.kind === 'unknown' ? step.windowMs : null,
  nextEsp: step.kind === 'next-esp' ? step.esp : null,
  leaseMs: leaseMsOf(message.messageClass),
});

// Answers that no call stands behind: they say nothing of the ESP.
const notMade = new Set(['not-begun', 'resting']);

const isCredentials = (answer: DeliveryAnswer): answer is Extract<DeliveryAnswer, { outcome: 'refused' }> =>
  answer.outcome === 'refused' && answer.reason === 'credentials';

const callsOf = (ended: readonly EndedAttempt[]) => {
  const calls = new Map<string, { good: number; bad: number; fatal: number; lastError: string | null }>();
  for (const { esp, answer, step } of ended) {
    if (answer.outcome === 'unavailable' && notMade.has(answer.code)) continue;
    const call = calls.get(esp) ?? { good: 0, bad: 0, fatal: 0, lastError: null };
    // What a person must mend is told before what passes by itself.
    if (isBadForHealth(answer)) {
      call.bad += 1;
      const isHeard = step.kind === 'sent' || (call.fatal > 0 && !isCredentials(answer));
      // All accounts see what an ESP said last, and it is logged: no place for somebody's recipient.
      if (!isHeard) call.lastError = hideAddresses(step.error);
    } else call.good += 1;
    if (isCredentials(answer)) call.fatal += 1;
    calls.set(esp, call);
  }
  return [...calls].map(([esp, call]) => ({ esp, ...call }));
};

const notCalled = (code: string, detail: string, retryAfterMs: number): DeliveryAnswer => ({
  outcome: 'unavailable',
  reason: 'throttled',
  retryAfterMs,
  code,
  detail,
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

// However long an ESP asks to be left alone, it is asked again after an hour.
const longestRestMs = 3_600_000;

/** How long an ESP wants no more calls, by the answers to one; 0 when it says nothing of the kind. */
const restAfter = (answers: readonly DeliveryAnswer[]): number =>
  Math.min(
    longestRestMs,
    Math.max(
      0,
      ...answers.map((answer) =>
        answer.outcome === 'unavailable' && answer.reason !== 'outage' ? (answer.retryAfterMs ?? 0) : 0,
      ),
    ),
  );

/**
 * Ports on real ESPs and Postgres. A call that would begin later than `patienceMs` after it was asked for is not made:
 * its messages go back to wait, so that no batch of records outlives its lease.
 */
export const portsOn = (
  pool: Pool,
  esps: readonly Esp[],
  { metrics, log }: { readonly metrics: Metrics; readonly log: Logger },
  settings: { readonly roundSeconds: number; readonly patienceMs: number },
): DeliveryPorts => {
  const byName = new Map(esps.map((esp) => [esp.name, { esp, limit: limitConcurrency(esp.limits.concurrentCalls) }]));
  const restUntil = new Map<string, number>();
  const callSeconds = metrics.histogram('esp_call_seconds', 'Time of one call of an ESP.', ['esp']);
  const answered = metrics.counter('esp_answers_total', 'Messages answered by ESPs, by outcome.', ['esp', 'outcome']);

  const tellOfCredentials = credentialsTeller(metrics, log);

  const write = (ended: readonly EndedAttempt[]) =>
    pool.transaction(async (db) => {
      const recorded = new Map((await recordAnswers(db, ended.map(rowOf))).map((row) => [row.id, row]));
      const statistics = statisticsFold();
      for (const { message, esp, step } of ended) {
        const row = recorded.get(message.id);
        if (row === undefined) continue;
        // A webhook that came first proves the acceptance that an ambiguous answer could not.
        if (step.kind === 'sent' || (step.kind === 'unknown' && row.wasMoved)) {
          statistics.add({ ...row, esp, minute: row.claimedAt }, 'sent');
        }
      }
      await addStatistics(db, statistics.rows());
      await addCalls(db, callsOf(ended), settings.roundSeconds);
      return recorded;
    });

  // An answer lives in this process alone until it is written: a short absence of Postgres must not turn what is known
  // into `unknown`. Past the patience the claims run out instead, and the reaper finds them.
  const writePatiently = async (ended: readonly EndedAttempt[], giveUpAt: number): ReturnType<typeof write> => {
    for (let failures = 1; ; failures += 1) {
      try {
        return await write(ended);
      } catch (error) {
        const waitMs = backoffMs(failures, 100, 2_000, Math.random());
        if (!(error instanceof InfrastructureError) || Date.now() + waitMs > giveUpAt) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  };
  const record = carryAll<EndedAttempt, boolean>(async (ended) => {
    const held = await writePatiently(ended, Date.now() + settings.patienceMs);
    return ended.map(({ message }) => held.has(message.id));
  }, 4_000);

  return {
    limitsOf: (name) => {
      const found = byName.get(name);
      if (found === undefined) throw new RangeError(`ESP ${name} is not configured`);
      return found.esp.limits;
    },
    send: (name, deliveries, messageClass) => {
      const found = byName.get(name);
      if (found === undefined) throw new RangeError(`ESP ${name} is not configured`);
      const askedAt = Date.now();
      return found.limit(async (): Promise<readonly DeliveryAnswer[]> => {
        const restMs = (restUntil.get(name) ?? 0) - Date.now();
        if (restMs > 0)
          return deliveries.map(() => notCalled('resting', 'It asked to be left alone for a while.', restMs));
        if (Date.now() - askedAt > settings.patienceMs) {
          return deliveries.map(() =>
            notCalled('not-begun', 'Earlier calls took too long; this one was not made.', 1_000),
          );
        }
        const startedAt = Date.now();
        const answers = await found.esp.send(deliveries, callTimeouts(messageClass));
        callSeconds((Date.now() - startedAt) / 1_000, { esp: name });
        for (const answer of answers) answered({ esp: name, outcome: answer.outcome });
        tellOfCredentials(name, answers, Date.now());
        const wantedMs = restAfter(answers);
        if (wantedMs > 0) restUntil.set(name, Date.now() + wantedMs);
        return answers;
      });
    },
    record,
    nowMs: () => Date.now(),
    random: () => Math.random(),
  };
};

// What delivering needs of the outside: ESP calls within their limits, and one statement for the ends of many attempts.
import { randomUUID } from 'node:crypto';
import type { Database, Pool } from '../../shared/db/connect.ts';
import { noteCalls, type NotedCall } from '../../shared/db/esp-calls.ts';
import { addCalls, noteRests } from '../../shared/db/esp-health.ts';
import { recordAnswers, type AnswerRow } from '../../shared/db/record-answers.ts';
import { loadSuppressions } from '../../shared/db/suppressions.ts';
import { addStatistics, statisticsFold } from '../../shared/db/statistics.ts';
import { writeOutcomes } from '../../shared/db/write-outcomes.ts';
import { InfrastructureError } from '../../shared/errors.ts';
import type { Lifetimes } from '../../shared/domain/next-attempt.ts';
import { hideAddresses } from '../../shared/domain/hide-addresses.ts';
import { suppressedBecause } from '../../shared/domain/suppression.ts';
import { attemptOf } from '../../shared/domain/request-ids.ts';
import type { Delivery, Esp } from '../../shared/esp/esp.ts';
import { backoffMs } from '../../shared/runtime/backoff.ts';
import { carryAll } from '../../shared/runtime/carry-all.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { ownMs, type Telling } from '../../shared/runtime/teller.ts';
import { budgetsOn } from './consumer-budgets.ts';
import { callsOn, isCredentials, notMade, restAfter } from './consumer-calls.ts';
import { leaseMsOf } from './consumer-claims.ts';
import type { Routing } from './consumer-routing.ts';
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
  failure: step.kind === 'failed' ? step.reason : undefined,
  waitMs: step.kind === 'retry' ? step.delayMs : step.kind === 'unknown' ? step.windowMs : null,
  nextEsp: step.kind === 'next-esp' ? step.esp : null,
  leaseMs: leaseMsOf(message.messageClass),
});

/** Why messages that were to go to their next ESP must not, by their ids: it may have become known since they were claimed. */
const suppressedSince = async (db: Database, ended: readonly EndedAttempt[]): Promise<ReadonlyMap<string, string>> => {
  const asked = ended.flatMap(({ message, step }) =>
    step.kind === 'next-esp' && message.consent !== undefined
      ? [{ ...message.consent, id: message.id, email: message.delivery.to.email, messageClass: message.messageClass }]
      : [],
  );
  const find = await loadSuppressions(db, asked);
  return new Map(
    asked.flatMap((message) => {
      const found = find(message.accountId, message.email, message);
      return found === undefined ? [] : [[message.id, suppressedBecause(found)] as const];
    }),
  );
};

const answersByEsp = (ended: readonly EndedAttempt[]) => {
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

// A second's pause is over before anybody else has heard of it.
const worthTellingMs = 5_000;

/** How long ESPs asked to be left alone, in ms: only what they said themselves. */
const restsOf = (ended: readonly EndedAttempt[]): ReadonlyMap<string, number> => {
  const rests = new Map<string, number>();
  for (const { esp, answer } of ended) {
    if (answer.outcome !== 'unavailable' || notMade.has(answer.code)) continue;
    const restMs = restAfter([answer]);
    if (restMs >= worthTellingMs && restMs > (rests.get(esp) ?? 0)) rests.set(esp, restMs);
  }
  return rests;
};

/** Ports on real ESPs (`consumer-calls.ts`) and Postgres. */
export const portsOn = (
  pool: Pool,
  esps: readonly Esp[],
  { metrics, log }: { readonly metrics: Metrics; readonly log: Logger },
  routing: Pick<Routing, 'latest' | 'limitsOf'> & Partial<Pick<Routing, 'restMsOf'>>,
  settings: {
    readonly roundSeconds: number;
    readonly patienceMs: number;
    readonly lifetimesMs?: Lifetimes;
    /** Whether calls that have not begun are left to another process. */
    readonly isStopping?: () => boolean;
    /** Without it nobody is told what became of messages. */
    readonly telling?: Telling | undefined;
  },
): DeliveryPorts & { close(): Promise<void> } => {
  const noteAll = carryAll<NotedCall, undefined>(async (noted) => {
    await noteCalls(pool, noted);
    return noted.map(() => undefined);
  }, 1_000);
  const noteCall = async (esp: string, deliveries: readonly Delivery[], leaseToken: string): Promise<void> => {
    const places = deliveries.map(({ attemptId }) => attemptOf(attemptId));
    const messageIds = places.map(({ messageId }) => messageId);
    const attempts = places.map(({ number }) => number);
    await noteAll([{ id: randomUUID(), esp, leaseToken, messageIds, attempts }]);
  };
  const calls = callsOn(esps, budgetsOn(pool), { metrics, log }, routing, settings.patienceMs, {
    isStopping: settings.isStopping,
    noteCall,
  });

  const write = async (ended: readonly EndedAttempt[]) => {
    const { recorded, told } = await pool.transaction(async (db) => {
      const suppressed = await suppressedSince(db, ended);
      const rows = ended.map((one): AnswerRow => {
        const failure = one.step.kind === 'next-esp' ? suppressed.get(one.message.id) : undefined;
        return failure === undefined ? rowOf(one) : { ...rowOf(one), step: 'suppressed', nextEsp: null, failure };
      });
      const recorded = new Map((await recordAnswers(db, rows)).map((row) => [row.id, row]));
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
      await addCalls(db, answersByEsp(ended), settings.roundSeconds);
      await noteRests(db, restsOf(ended));
      const changes = rows.flatMap(({ id, attempt, esp }) => {
        const row = recorded.get(id);
        return row === undefined || row.wasMoved ? [] : [{ ...row, attempt, esp }];
      });
      const told = await writeOutcomes(db, settings.telling?.topic, changes, ownMs);
      // Nobody's to hand on.
      for (const id of suppressed.keys()) recorded.delete(id);
      return { recorded, told };
    });
    settings.telling?.tell(told);
    return recorded;
  };

  // An answer lives in this process alone until it is written: a short absence of Postgres must not turn what is known
  // into `unknown`. Past the patience the claims run out instead, and the reaper finds them.
  const writePatiently = async (ended: readonly EndedAttempt[], giveUpAt: number): ReturnType<typeof write> => {
    for (let failures = 1; ; failures += 1) {
      try {
        return await write(ended);
      } catch (error) {
        const waitMs = backoffMs(failures, 100, 2_000, Math.random());
        if (!(error instanceof InfrastructureError) || performance.now() + waitMs > giveUpAt) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  };
  const record = carryAll<EndedAttempt, boolean>(async (ended) => {
    const held = await writePatiently(ended, performance.now() + settings.patienceMs);
    return ended.map(({ message }) => held.has(message.id));
  }, 4_000);

  return {
    ...calls,
    record,
    close: () => calls.close(),
    nowMs: () => performance.now(),
    lifetimesMs: settings.lifetimesMs,
    random: () => Math.random(),
  };
};

import { attemptId } from '../../shared/domain/request-ids.ts';
import { usualLifetimesMs, type Lifetimes, type MessageClass } from '../../shared/domain/next-attempt.ts';
import type { Delivery, DeliveryAnswer, EspLimits } from '../../shared/esp/esp.ts';
import { decideNextStep, type NextStep } from './decide-next-step.ts';
import { planCalls } from './plan-calls.ts';

/** What stands for the answer that an ESP's adapter owes. */
export const noAnswer: DeliveryAnswer = {
  outcome: 'unknown',
  code: 'no-answer',
  detail: 'The adapter answered for fewer messages.',
};

/** A claimed message on its way. */
export interface ClaimedMessage {
  /** The message's UUID; `delivery` carries the public id. */
  readonly id: string;
  readonly delivery: Delivery;
  readonly leaseToken: string;
  readonly messageClass: MessageClass;
  /** By what the suppressions that keep it back are found; without it, none are looked for. */
  readonly consent?: { readonly accountId: string; readonly list: string | null } | undefined;
  /** The number of the attempt that is under way, from 1. */
  readonly attempt: number;
  /** When it was accepted, by the clock of `DeliveryPorts.nowMs`. */
  readonly createdAtMs: number;
  /** ESPs in the order in which they are asked in this batch. */
  readonly candidates: readonly string[];
  /** Whether an ESP that is not among them may take it another time. */
  readonly isAnyLeftOut: boolean;
  /** The ESP that this message tries for the whole fleet, to see whether it is well again. */
  readonly probed?: string | undefined;
  /**
   * The earlier call that is made again for it, as it was, and the message's place in it: of an ESP that knows its own
   * repeats, while nobody knows what became of the first.
   */
  readonly repeat?: { readonly call: RepeatedCall; readonly place: number } | undefined;
}

/** One object per call, by which its messages are grouped. */
export interface RepeatedCall {
  readonly deliveries: readonly Delivery[];
}

export interface EndedAttempt {
  readonly message: ClaimedMessage;
  readonly esp: string;
  readonly answer: DeliveryAnswer;
  readonly step: NextStep;
}

export interface DeliveryPorts {
  limitsOf(esp: string): EspLimits;
  /** One ESP call; answers in the deliveries' order. A probe is made where other calls would not be. */
  send(
    esp: string,
    deliveries: readonly Delivery[],
    call: {
      readonly messageClass: MessageClass;
      readonly isProbe: boolean;
      readonly leaseToken: string;
      /** Made as it is: neither parted nor counted again. */
      readonly isRepeat?: boolean;
    },
  ): Promise<readonly DeliveryAnswer[]>;
  /** Writes the ends of attempts; answers for each whether its lease still held. */
  record(ended: readonly EndedAttempt[]): Promise<readonly boolean[]>;
  /** A clock that only goes forward, in ms since whenever. */
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly lifetimesMs?: Lifetimes | undefined;
}

// A refused credential passes too, once somebody has mended it: who is asked first must not decide what becomes of mail.
const isPassing = (answer: DeliveryAnswer): boolean =>
  answer.outcome === 'unavailable' || (answer.outcome === 'refused' && answer.reason === 'credentials');

// `decideNextStep` names the first of the untried, so dropping the head of the list leaves it in front.
const viaNext = (message: ClaimedMessage): ClaimedMessage => ({
  ...message,
  attempt: message.attempt + 1,
  candidates: message.candidates.slice(1),
  delivery: { ...message.delivery, attemptId: attemptId(message.id, message.attempt + 1) },
});

const groupBy = <T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> => {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
};

/**
 * Hands claimed messages to their ESPs, in as few calls as the limits allow, and what an ESP definitely did not take to
 * the next one. Every end of an attempt is recorded before anything follows from it. Throws what `record` throws: the
 * claims then run out and the reaper finds them.
 */
export const deliverMessages = async (messages: readonly ClaimedMessage[], ports: DeliveryPorts): Promise<void> => {
  // Messages that some ESP could only not take now: a later refusal for good by another is then no reason to give up.
  const mayTakeLater = new Set<string>();

  const callOnce = async (esp: string, call: readonly ClaimedMessage[]): Promise<ClaimedMessage[]> => {
    const [first] = call;
    if (first === undefined) return [];
    const { messageClass, leaseToken, repeat } = first;
    const answers =
      repeat === undefined
        ? await ports.send(
            esp,
            call.map((message) => message.delivery),
            { messageClass, isProbe: first.probed === esp, leaseToken },
          )
        : await ports.send(esp, repeat.call.deliveries, { messageClass, isProbe: false, leaseToken, isRepeat: true });
    const ended = call.map((message, index): EndedAttempt => {
      const answer = answers[message.repeat?.place ?? index] ?? noAnswer;
      if (isPassing(answer)) mayTakeLater.add(message.id);
      const step = decideNextStep(
        answer,
        esp,
        {
          messageClass: message.messageClass,
          attempts: message.attempt,
          ageMs: ports.nowMs() - message.createdAtMs,
          lifetimeMs: (ports.lifetimesMs ?? usualLifetimesMs)[message.messageClass],
          untried: message.candidates.slice(1),
          mayTakeLater: message.isAnyLeftOut || mayTakeLater.has(message.id),
        },
        ports.random(),
      );
      return { message, esp, answer, step };
    });
    const held = await ports.record(ended);
    return ended.flatMap(({ message, step }, index) =>
      step.kind === 'next-esp' && held[index] === true ? [viaNext(message)] : [],
    );
  };

  const deliver = async (wave: readonly ClaimedMessage[]): Promise<void> => {
    const byEsp = groupBy(wave, (message) => message.candidates[0] ?? '');
    await Promise.all(
      [...byEsp].map(async ([esp, group]) => {
        // A probe is a call of its own: others would not be made with it.
        const byClass = groupBy(group, (message) => `${message.messageClass} ${message.probed === esp}`);
        const refused = await Promise.all(
          [...byClass.values()].flatMap((sameClass) => {
            const byDelivery = new Map(sameClass.map((message) => [message.delivery, message]));
            return planCalls([...byDelivery.keys()], ports.limitsOf(esp)).map((call) =>
              callOnce(
                esp,
                call.flatMap((delivery) => byDelivery.get(delivery) ?? []),
              ),
            );
          }),
        );
        const next = refused.flat();
        if (next.length > 0) await deliver(next);
      }),
    );
  };
  const repeats = groupBy(
    messages.filter(({ repeat }) => repeat !== undefined),
    ({ repeat }) => repeat?.call,
  );
  await Promise.all([
    deliver(messages.filter(({ repeat }) => repeat === undefined)),
    ...[...repeats.values()].map((call) => callOnce(call[0]?.candidates[0] ?? '', call)),
  ]);
};

import { describe, expect, it } from '@jest/globals';
import {
  deliverMessages,
  type DeliveryPorts,
  type EndedAttempt,
} from '../../../consumers/email-send/deliver-messages.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import type { Delivery, DeliveryAnswer, EspLimits } from '../../../shared/esp/esp.ts';
import { aClaim, aDelivery, someLimits } from './deliveries.ts';

const accepted: DeliveryAnswer = { outcome: 'accepted', providerMessageId: 'p' };
const outage: DeliveryAnswer = { outcome: 'unavailable', reason: 'outage', code: '503', detail: 'down' };
const refused: DeliveryAnswer = { outcome: 'refused', reason: 'content', code: '400', detail: 'no' };
const unknown: DeliveryAnswer = { outcome: 'unknown', code: 'timeout', detail: 'no answer' };

type Answers = Readonly<Record<string, DeliveryAnswer | ((delivery: Delivery) => DeliveryAnswer)>>;

/** ESPs and a table in memory: what was asked, and what was written. */
const world = (answers: Answers, more: { readonly limits?: EspLimits; readonly lost?: readonly string[] } = {}) => {
  const calls: {
    readonly esp: string;
    readonly messages: readonly string[];
    readonly attempts: readonly string[];
    readonly isProbe: boolean;
  }[] = [];
  const written: EndedAttempt[] = [];
  const order: string[] = [];
  const ports: DeliveryPorts = {
    limitsOf: () => more.limits ?? someLimits,
    send: (esp, deliveries, { isProbe }) => {
      order.push(`ask ${esp}`);
      calls.push({
        esp,
        messages: deliveries.map((delivery) => delivery.messageId),
        attempts: deliveries.map((delivery) => delivery.attemptId),
        isProbe,
      });
      return Promise.resolve(
        deliveries.flatMap((delivery) => {
          const answer = answers[esp];
          return answer === undefined ? [] : [typeof answer === 'function' ? answer(delivery) : answer];
        }),
      );
    },
    record: (ended) => {
      order.push(`write ${ended[0]?.esp ?? ''}`);
      written.push(...ended);
      return Promise.resolve(ended.map(({ message }) => !(more.lost ?? []).includes(message.id)));
    },
    nowMs: () => 1_000,
    random: () => 1,
  };
  const steps = (): string[] =>
    written.map(({ message, esp, step }) => `${message.id}.${message.attempt} ${esp} ${step.kind}`);
  return { ports, calls, order, steps };
};

describe('Delivering messages', () => {
  it('asks each ESP for its own in one call and writes what it answered', async () => {
    const { ports, calls, steps } = world({ sendgrid: accepted, postmark: accepted });
    await deliverMessages(
      [
        aClaim('a', ['sendgrid', 'postmark']),
        aClaim('b', ['postmark', 'sendgrid']),
        aClaim('c', ['sendgrid', 'postmark']),
      ],
      ports,
    );
    expect(calls.map(({ esp, messages }) => [esp, messages])).toEqual([
      ['sendgrid', ['msg_a', 'msg_c']],
      ['postmark', ['msg_b']],
    ]);
    expect(steps().sort()).toEqual(['a.1 sendgrid sent', 'b.1 postmark sent', 'c.1 sendgrid sent']);
  });

  it('goes on to the next ESP at once when the first did not take it, as a new attempt', async () => {
    const { ports, calls, order, steps } = world({ sendgrid: outage, postmark: refused, ses: accepted });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark', 'ses'])], ports);
    expect(steps()).toEqual(['a.1 sendgrid next-esp', 'a.2 postmark next-esp', 'a.3 ses sent']);
    expect(calls.map((call) => call.attempts)).toEqual([['a.1'], ['a.2'], ['a.3']]);
    expect(order).toEqual(['ask sendgrid', 'write sendgrid', 'ask postmark', 'write postmark', 'ask ses', 'write ses']);
  });

  it('never asks another ESP when nobody knows whether the first one has it', async () => {
    const { ports, calls, steps } = world({ sendgrid: unknown, postmark: accepted });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark'])], ports);
    expect(calls).toHaveLength(1);
    expect(steps()).toEqual(['a.1 sendgrid unknown']);
  });

  it('takes an answer that is missing for unknown, not for refused', async () => {
    const { ports, calls, steps } = world({ postmark: accepted });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark'])], ports);
    expect(calls).toHaveLength(1);
    expect(steps()).toEqual(['a.1 sendgrid unknown']);
  });

  it('does nothing more with a message whose lease was lost', async () => {
    const { ports, calls, steps } = world({ sendgrid: outage, postmark: accepted }, { lost: ['a'] });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark']), aClaim('b', ['sendgrid', 'postmark'])], ports);
    expect(calls.map(({ esp, messages }) => [esp, messages])).toEqual([
      ['sendgrid', ['msg_a', 'msg_b']],
      ['postmark', ['msg_b']],
    ]);
    expect(steps()).toEqual(['a.1 sendgrid next-esp', 'b.1 sendgrid next-esp', 'b.2 postmark sent']);
  });

  it('waits when no ESP takes it now, and gives up when every one refused it for good', async () => {
    const later = world({ sendgrid: outage, postmark: outage });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark'])], later.ports);
    expect(later.steps()).toEqual(['a.1 sendgrid next-esp', 'a.2 postmark retry']);
    const never = world({ sendgrid: refused, postmark: refused });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark'])], never.ports);
    expect(never.steps()).toEqual(['a.1 sendgrid next-esp', 'a.2 postmark failed']);
  });

  it('remembers that an earlier ESP may take it later, though the last one refused it for good', async () => {
    const { ports, steps } = world({ sendgrid: outage, postmark: refused });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark'])], ports);
    expect(steps()).toEqual(['a.1 sendgrid next-esp', 'a.2 postmark retry']);
  });

  it('lets every message of a call go its own way', async () => {
    const answerOf: Record<string, DeliveryAnswer> = { msg_a: accepted, msg_b: refused, msg_c: unknown };
    const { ports, steps } = world({
      sendgrid: (delivery) => answerOf[delivery.messageId] ?? outage,
      postmark: accepted,
    });
    const candidates = ['sendgrid', 'postmark'];
    await deliverMessages(
      ['a', 'b', 'c'].map((name) => aClaim(name, candidates)),
      ports,
    );
    expect(steps().sort()).toEqual([
      'a.1 sendgrid sent',
      'b.1 sendgrid next-esp',
      'b.2 postmark sent',
      'c.1 sendgrid unknown',
    ]);
  });

  it('keeps classes apart, since their deadlines differ, and calls within the limits', async () => {
    const { ports, calls } = world({ sendgrid: accepted }, { limits: { ...someLimits, deliveriesPerCall: 2 } });
    const otp = { messageClass: 'otp' as const };
    await deliverMessages(
      [aClaim('a', ['sendgrid']), aClaim('b', ['sendgrid'], otp), aClaim('c', ['sendgrid']), aClaim('d', ['sendgrid'])],
      ports,
    );
    expect(calls.map((call) => call.messages).sort()).toEqual([['msg_a', 'msg_c'], ['msg_b'], ['msg_d']]);
  });

  it('makes a probe a call of its own, and hands the message on when it is refused', async () => {
    const { ports, calls, steps } = world({ sendgrid: outage, postmark: accepted });
    const plain = ['sendgrid', 'postmark'];
    await deliverMessages([aClaim('a', plain), aClaim('b', plain, { probed: 'sendgrid' }), aClaim('c', plain)], ports);
    expect(calls.map(({ esp, messages, isProbe }) => ({ esp, messages, isProbe })).slice(0, 2)).toEqual([
      { esp: 'sendgrid', messages: ['msg_a', 'msg_c'], isProbe: false },
      { esp: 'sendgrid', messages: ['msg_b'], isProbe: true },
    ]);
    // On the next ESP it is a message like any other.
    for (const call of calls.slice(2)) expect(call).toMatchObject({ esp: 'postmark', isProbe: false });
    expect(steps()).toContain('b.2 postmark sent');
  });

  it('waits when all refused it for good but one was left out that may take it later', async () => {
    const { ports, steps } = world({ sendgrid: refused, postmark: refused });
    await deliverMessages([aClaim('a', ['sendgrid', 'postmark'], { isAnyLeftOut: true })], ports);
    expect(steps()).toEqual(['a.1 sendgrid next-esp', 'a.2 postmark retry']);
  });

  it('carries each of many messages exactly once', async () => {
    const { ports, calls } = world({ sendgrid: outage, postmark: accepted });
    const names = Array.from({ length: 1_000 }, (_, index) => `m${index}`);
    await deliverMessages(
      names.map((name) => aClaim(name, ['sendgrid', 'postmark'], { delivery: aDelivery(name) })),
      ports,
    );
    for (const esp of ['sendgrid', 'postmark']) {
      const asked = calls.filter((call) => call.esp === esp).flatMap((call) => call.messages);
      expect(asked).toHaveLength(1_000);
      expect(new Set(asked).size).toBe(1_000);
    }
  });

  it('ends with what writing throws, and asks nobody else', async () => {
    const { ports, calls } = world({ sendgrid: outage, postmark: accepted });
    const away = new InfrastructureError('postgres-away', 'away');
    const failing: DeliveryPorts = { ...ports, record: () => Promise.reject(away) };
    await expect(deliverMessages([aClaim('a', ['sendgrid', 'postmark'])], failing)).rejects.toBe(away);
    expect(calls).toHaveLength(1);
  });
});

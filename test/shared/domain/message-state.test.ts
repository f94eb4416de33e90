import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deliveryTypes, type DeliveryType } from '../../../shared/contracts/delivery.ts';
import {
  isFinal,
  isUnsettled,
  messageStates,
  stateAfter,
  type MessageState,
} from '../../../shared/domain/message-state.ts';

const after = (state: MessageState, events: readonly DeliveryType[]): MessageState => events.reduce(stateAfter, state);
const state = fc.constantFrom(...messageStates);
const event = fc.constantFrom(...deliveryTypes);
const shuffledTwice = fc
  .array(event, { maxLength: 12 })
  .chain((events) =>
    fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length, maxLength: events.length })),
  );

describe('The state of a message', () => {
  it('does not depend on the order in which events arrive', () => {
    fc.assert(
      fc.property(state, shuffledTwice, (start, [events, shuffled]) => {
        expect(after(start, shuffled)).toBe(after(start, events));
      }),
    );
  });

  it('is not changed by an event that comes again', () => {
    fc.assert(
      fc.property(state, fc.array(event, { maxLength: 8 }), (start, events) => {
        expect(after(start, [...events, ...events])).toBe(after(start, events));
      }),
    );
  });

  it('never falls back', () => {
    fc.assert(
      fc.property(state, event, (start, next) => {
        expect(messageStates.indexOf(stateAfter(start, next))).toBeGreaterThanOrEqual(messageStates.indexOf(start));
      }),
    );
  });

  it.each<[MessageState, DeliveryType, MessageState]>([
    ['delivered', 'bounced', 'bounced'],
    ['delivered', 'complained', 'complained'],
    ['bounced', 'complained', 'complained'],
    ['complained', 'delivered', 'complained'],
    ['complained', 'bounced', 'complained'],
    ['bounced', 'delivered', 'bounced'],
    ['delivered', 'deferred', 'delivered'],
    ['delivered', 'opened', 'delivered'],
    ['failed', 'delivered', 'delivered'],
    ['sent', 'deferred', 'deferred'],
    ['sent', 'failed', 'failed'],
    ['sending', 'delivered', 'delivered'],
    ['unknown', 'delivered', 'delivered'],
    ['unknown', 'opened', 'sent'],
    ['unknown', 'clicked', 'sent'],
    ['unknown', 'unsubscribed', 'sent'],
    ['queued', 'opened', 'sent'],
    ['deferred', 'opened', 'deferred'],
  ])('%s, then %s: %s', (start, next, expected) => {
    expect(stateAfter(start, next)).toBe(expected);
  });

  it('is final unless something is still to happen to it', () => {
    const open = ['queued', 'scheduled', 'sending', 'unknown', 'deferred'];
    expect(messageStates.filter((each) => !isFinal(each))).toEqual(open);
  });

  it('is unsettled as long as nobody knows that an ESP has it', () => {
    expect(messageStates.filter(isUnsettled)).toEqual(['queued', 'scheduled', 'sending', 'unknown']);
  });
});

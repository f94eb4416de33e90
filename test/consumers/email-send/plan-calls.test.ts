import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planCalls } from '../../../consumers/email-send/plan-calls.ts';
import type { Delivery, EspLimits } from '../../../shared/esp/esp.ts';
import { aContent, aDelivery, someLimits } from './deliveries.ts';

const shared: EspLimits = { ...someLimits, oneContentPerCall: true };
const namesOf = (calls: readonly (readonly Delivery[])[]): string[][] =>
  calls.map((call) => call.map((delivery) => delivery.messageId));
const many = (count: number, more: (index: number) => Partial<Delivery> = () => ({})): Delivery[] =>
  Array.from({ length: count }, (_, index) => aDelivery(String(index), more(index)));
const addressesIn = (call: readonly Delivery[]): string[] =>
  call.flatMap((delivery) => [delivery.to, ...delivery.cc, ...delivery.bcc]).map(({ email }) => email.toLowerCase());

const otherContent = { ...aContent, subject: 'Other' };
const person = fc.constantFrom('a', 'B', 'b', 'c', 'd', 'e', 'f').map((name) => ({ email: `${name}@example.org` }));
const anyDelivery = fc
  .record({
    to: person,
    cc: fc.array(person, { maxLength: 2 }),
    content: fc.constantFrom(aContent, otherContent),
    value: fc.nat({ max: 3_000 }),
  })
  .map(({ to, cc, content, value }) => aDelivery('x', { to, cc, content, values: { '[%0%]': 'v'.repeat(value) } }));
const anyLimits = fc.record({
  deliveriesPerCall: fc.integer({ min: 3, max: 20 }),
  bytesPerCall: fc.integer({ min: 8_000, max: 50_000 }),
  oneContentPerCall: fc.boolean(),
  concurrentCalls: fc.constant(1),
});

describe('Calls of an ESP', () => {
  it('hold every delivery exactly once and keep their order', () => {
    fc.assert(
      fc.property(fc.array(anyDelivery, { maxLength: 60 }), anyLimits, (deliveries, limits) => {
        const calls = planCalls(deliveries, limits);
        expect(new Set(calls.flat()).size).toBe(deliveries.length);
        for (const call of calls) {
          const places = call.map((delivery) => deliveries.indexOf(delivery));
          expect([...places].sort((a, b) => a - b)).toEqual(places);
        }
      }),
    );
  });

  it('share a content that is too large by itself, so that it is carried once and not for every recipient', () => {
    const content = { ...aContent, text: 'x'.repeat(1_000_001) };
    expect(
      planCalls(
        many(100, () => ({ content })),
        shared,
      ),
    ).toHaveLength(1);
    expect(
      planCalls(
        many(100, () => ({ content })),
        someLimits,
      ),
    ).toHaveLength(100);
  });

  it('keep within every limit of the ESP', () => {
    fc.assert(
      fc.property(fc.array(anyDelivery, { maxLength: 60 }), anyLimits, (deliveries, limits) => {
        for (const call of planCalls(deliveries, limits)) {
          expect(call.length).toBeLessThanOrEqual(limits.deliveriesPerCall);
          const contents = new Set(call.map((delivery) => delivery.content));
          const bodies = limits.oneContentPerCall ? [...contents] : call.map((delivery) => delivery.content);
          const own = call.map(({ to, cc, bcc, values, metadata }) => ({ to, cc, bcc, values, metadata }));
          if (call.length > 1) expect(JSON.stringify([bodies, own]).length).toBeLessThanOrEqual(limits.bytesPerCall);
          if (limits.oneContentPerCall) {
            expect(contents.size).toBe(1);
            const sameAddress = call.length > 1 ? addressesIn(call) : [];
            expect(new Set(sameAddress).size).toBeLessThanOrEqual(limits.deliveriesPerCall);
            for (const [index, delivery] of call.entries()) {
              const earlier = new Set(addressesIn(call.slice(0, index)));
              for (const address of addressesIn([delivery])) expect(earlier.has(address)).toBe(false);
            }
          }
        }
      }),
    );
  });

  it('are as few as the number of deliveries allows', () => {
    expect(planCalls(many(250), someLimits).map((call) => call.length)).toEqual([100, 100, 50]);
    expect(planCalls(many(250), shared).map((call) => call.length)).toEqual([100, 100, 50]);
    expect(planCalls([], someLimits)).toEqual([]);
  });

  it('mix contents only where the ESP allows it', () => {
    const deliveries = many(4, (index) => ({ content: index % 2 === 0 ? aContent : otherContent }));
    expect(namesOf(planCalls(deliveries, someLimits))).toEqual([['msg_0', 'msg_1', 'msg_2', 'msg_3']]);
    expect(namesOf(planCalls(deliveries, shared))).toEqual([
      ['msg_0', 'msg_2'],
      ['msg_1', 'msg_3'],
    ]);
  });

  it('name an address once where repeats are refused, whatever its case', () => {
    const deliveries = [
      aDelivery('1', { to: { email: 'ann@example.org' } }),
      aDelivery('2', { to: { email: 'Ann@Example.org' } }),
      aDelivery('3', { bcc: [{ email: 'ANN@example.org' }] }),
    ];
    expect(namesOf(planCalls(deliveries, shared))).toEqual([['msg_1'], ['msg_2'], ['msg_3']]);
    expect(namesOf(planCalls(deliveries, someLimits))).toEqual([['msg_1', 'msg_2', 'msg_3']]);
  });

  it('count cc and bcc as recipients where all share a call', () => {
    const deliveries = many(60, (index) => ({ cc: [{ email: `cc${index}@example.org` }] }));
    expect(planCalls(deliveries, shared).map((call) => call.length)).toEqual([50, 10]);
  });

  it('count a shared content once, and every recipient’s own values', () => {
    const content = { ...aContent, html: 'x'.repeat(400_000) };
    expect(
      planCalls(
        many(10, () => ({ content })),
        shared,
      ),
    ).toHaveLength(1);
    expect(
      planCalls(
        many(10, () => ({ content })),
        someLimits,
      ),
    ).toHaveLength(5);
    const heavy = many(10, () => ({ content, values: { '[%0%]': 'v'.repeat(250_000) } }));
    expect(planCalls(heavy, shared).map((call) => call.length)).toEqual([2, 2, 2, 2, 2]);
  });

  it('measure text in bytes, so that a script of three bytes a letter fits too', () => {
    const deliveries = many(40, () => ({ values: { '[%0%]': '漢'.repeat(20_000) } }));
    for (const call of planCalls(deliveries, shared)) {
      expect(Buffer.byteLength(JSON.stringify(call.map(({ values }) => values)))).toBeLessThanOrEqual(
        shared.bytesPerCall,
      );
    }
  });

  it('carry a delivery alone that is larger than any call', () => {
    const huge = aDelivery('huge', { values: { '[%0%]': 'v'.repeat(2_000_000) } });
    expect(namesOf(planCalls([aDelivery('a'), huge, aDelivery('b')], someLimits))).toEqual([
      ['msg_a'],
      ['msg_huge'],
      ['msg_b'],
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asDeliveryEvent, keyOf, packEvents } from '../../../consumers/webhooks/translate-webhook.ts';
import { deliveryEvent, type DeliveryEvent } from '../../../shared/contracts/delivery.ts';
import type { EspEvent } from '../../../shared/esp/esp.ts';

const place = { topic: 'webhook-sendgrid', partition: 2, offset: '77' };
/** The records as whoever reads them sees them. */
const packedInto = (events: readonly DeliveryEvent[]) =>
  packEvents(events).map(({ key, value }) => ({ key, ...(JSON.parse(value) as { events: DeliveryEvent[] }) }));

const told: EspEvent = { type: 'bounced', id: 'e-1', at: '2026-01-01T00:00:00.000Z', index: 4 };

describe('An ESP’s event', () => {
  it('becomes a delivery event with everything that was told and a pointer to the ESP’s own words', () => {
    const full: EspEvent = {
      ...told,
      recipient: 'Ann@München.de',
      messageId: 'msg_1',
      attemptId: '1.1',
      providerMessageId: 'p',
      bounceClass: 'soft',
      machine: false,
      reason: 'full',
    };
    const event = asDeliveryEvent(full, 'sendgrid', place);
    expect(event).toEqual({
      domain: 'xn--mnchen-3ya.de',
      type: 'bounced',
      id: 'sendgrid:e-1',
      at: '2026-01-01T00:00:00.000Z',
      esp: 'sendgrid',
      raw: { ...place, index: 4 },
      recipient: 'Ann@München.de',
      messageId: 'msg_1',
      attemptId: '1.1',
      providerMessageId: 'p',
      bounceClass: 'soft',
      machine: false,
      reason: 'full',
    });
    expect(deliveryEvent.safeParse(event).success).toBe(true);
  });

  it('has the same id on every repeat, and another for another ESP', () => {
    const other = { topic: 'webhook-sendgrid', partition: 0, offset: '99' };
    expect(asDeliveryEvent(told, 'sendgrid', other).id).toBe(asDeliveryEvent(told, 'sendgrid', place).id);
    expect(asDeliveryEvent(told, 'postmark', place).id).not.toBe(asDeliveryEvent(told, 'sendgrid', place).id);
  });

  it.each([undefined, 'nobody', 'a@', 'a@b c', '@'])('of recipient %s counts for no domain', (recipient) => {
    expect(asDeliveryEvent({ ...told, recipient }, 'ses', place).domain).toBe('unknown.invalid');
  });

  it('leaves out what was not told, so that the record fits its schema', () => {
    expect(Object.keys(asDeliveryEvent(told, 'ses', place)).sort()).toEqual([
      'at',
      'domain',
      'esp',
      'id',
      'raw',
      'type',
    ]);
  });
});

describe('Packed events', () => {
  const events = fc.array(
    fc
      .record({ message: fc.option(fc.nat({ max: 40 })), domain: fc.constantFrom('a.org', 'b.org') })
      .map(({ message, domain }): DeliveryEvent => ({
        domain,
        type: 'delivered',
        ...(message === null ? {} : { messageId: `msg_${message}` }),
      })),
  );

  it('lose and double nobody', () => {
    fc.assert(
      fc.property(events, (all) => {
        const packed = packedInto(all).flatMap((record) => record.events);
        expect(packed).toHaveLength(all.length);
        expect(packed).toEqual(expect.arrayContaining([...all]));
      }),
    );
  });

  it('keep the events of one message in one record and in order', () => {
    fc.assert(
      fc.property(events, (all) => {
        const records = packedInto(all);
        for (const key of new Set(all.map(keyOf))) {
          const holders = records.filter((record) => record.events.some((event) => keyOf(event) === key));
          expect(holders).toHaveLength(1);
          const own = holders[0]?.events.filter((event) => keyOf(event) === key);
          expect(own).toEqual(all.filter((event) => keyOf(event) === key));
        }
      }),
    );
  });

  it('have the same key for the same message every time, in few records', () => {
    const of = (message: number): DeliveryEvent => ({
      domain: 'a.org',
      type: 'delivered',
      messageId: `msg_${message}`,
    });
    const all = Array.from({ length: 5_000 }, (_, message) => of(message));
    expect(packedInto(all).length).toBeLessThanOrEqual(12);
    const keyIn = (records: ReturnType<typeof packedInto>, message: number): string | undefined =>
      records.find((record) => record.events.some((event) => event.messageId === `msg_${message}`))?.key;
    expect(keyIn(packedInto([of(7)]), 7)).toBe(keyIn(packedInto(all), 7));
  });

  it('fit records that Kafka takes, however long their reasons are', () => {
    const all = Array.from({ length: 3_000 }, (_, n) => ({
      ...{ domain: 'a.org', type: 'bounced' as const, id: `e-${n}`, messageId: 'm', reason: '\u20ac'.repeat(2_000) },
    }));
    const records = packEvents(all);
    for (const { value } of records) expect(Buffer.byteLength(value)).toBeLessThan(1_900_000);
    expect(packedInto(all).flatMap(({ events }) => events.map(({ id }) => id))).toEqual(all.map(({ id }) => id));
  });

  it('are found by message, else by the ESP’s id, else by domain', () => {
    expect(keyOf({ domain: 'a.org', type: 'opened', messageId: 'm', providerMessageId: 'p' })).toBe('m');
    expect(keyOf({ domain: 'a.org', type: 'opened', providerMessageId: 'p' })).toBe('p');
    expect(keyOf({ domain: 'a.org', type: 'opened' })).toBe('a.org');
  });
});

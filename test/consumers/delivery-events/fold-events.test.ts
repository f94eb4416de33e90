import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addStored,
  changeMessage,
  needsHistory,
  foldRecords,
  type KnownMessage,
  type MessageChange,
} from '../../../consumers/delivery-events/fold-events.ts';
import { deliveryTypes, type DeliveryEvent, type DeliveryRecord } from '../../../shared/contracts/delivery.ts';
import { messageStates } from '../../../shared/domain/message-state.ts';

const timestampMs = Date.parse('2026-03-01T12:00:00Z');
const fold = (...values: DeliveryRecord[]) =>
  foldRecords(
    values.map((value, offset) => ({ value, offset: BigInt(offset), timestampMs, headers: {} })),
    'cluster:0:delivery-events:3',
  );
const counted = (...values: DeliveryRecord[]) => Object.fromEntries(fold(...values).counts);
const delivered: DeliveryEvent = { domain: 'example.org', type: 'delivered' };
const bounced: DeliveryEvent = { domain: 'example.org', type: 'bounced' };
const told = ({ firsts }: MessageChange) => firsts.map(({ outcome }) => outcome);
const uuid = '018bcfe5-6800-7abc-8def-0123456789ab';

describe('Events that are only counted', () => {
  it('add up by domain, in the one form of its name', () => {
    const counts = counted(delivered, { ...delivered, domain: 'EXAMPLE.org.' }, { ...delivered, count: 40 }, bounced);
    expect(counts).toEqual({ 'example.org': { delivered: 42, bounced: 1, firstBounceAt: new Date(timestampMs) } });
    expect(
      Object.keys(counted({ ...delivered, domain: 'münchen.de' }, { ...delivered, domain: 'xn--mnchen-3ya.de' })),
    ).toEqual(['xn--mnchen-3ya.de']);
  });

  it('come alone or many in a record', () => {
    expect(counted({ events: [delivered, delivered, bounced] })).toEqual(counted(delivered, delivered, bounced));
  });

  it('keep the earliest bounce', () => {
    const at = (time: string): DeliveryEvent => ({ ...bounced, at: `2026-01-0${time}T00:00:00Z` });
    expect(counted(at('3'), at('1'), at('2'))['example.org']?.firstBounceAt).toEqual(new Date('2026-01-01T00:00:00Z'));
  });

  it('do not take a soft bounce for an unknown address', () => {
    expect(counted({ ...bounced, bounceClass: 'soft' })).toEqual({});
    expect(counted({ ...bounced, bounceClass: 'hard' })['example.org']?.bounced).toBe(1);
  });

  it('are deliveries and bounces alone', () => {
    for (const type of deliveryTypes.filter((each) => each !== 'delivered' && each !== 'bounced')) {
      expect(counted({ ...delivered, type })).toEqual({});
    }
  });

  it('count for nobody when nobody was named', () => {
    expect(counted({ ...delivered, domain: 'unknown.invalid' })).toEqual({});
  });

  it('are counted not at all when one domain of their record is none, so that a replay counts nothing twice', () => {
    const folded = fold({ events: [delivered, { ...delivered, domain: 'a b' }] }, delivered);
    expect([...folded.bad]).toEqual([0n]);
    expect(Object.fromEntries(folded.counts)).toEqual({
      'example.org': { delivered: 1, bounced: 0, firstBounceAt: undefined },
    });
  });
});

describe('Events that are stored', () => {
  it('have an id or a message, and are not counted before they are known to be new', () => {
    const folded = fold({ ...delivered, id: 'e-1' }, { ...delivered, messageId: `msg_${uuid}` }, delivered);
    expect(folded.storable).toHaveLength(2);
    expect(folded.counts.get('example.org')?.delivered).toBe(1);
    addStored(folded.counts, folded.storable);
    expect(folded.counts.get('example.org')?.delivered).toBe(3);
  });

  it('have one key for one id, on whatever day and place they come again', () => {
    const event: DeliveryEvent = { ...delivered, id: 'e-1', esp: 'sendgrid', at: '2026-02-03T23:59:59Z' };
    const keys = fold(event, { events: [delivered, event] }, { ...event, id: 'e-2' }).storable.map(
      ({ day, hash, esp }) => `${esp} ${day} ${hash}`,
    );
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[0]);
    expect(keys[0]).toMatch(/^sendgrid 2026-02-03 [0-9a-f-]{36}$/);
  });

  it('have the day of UTC, whatever offset their time has', () => {
    const { storable } = fold({ ...delivered, id: 'e', at: '2026-02-03T23:30:00-02:00' });
    expect(storable[0]).toMatchObject({ day: '2026-02-04', at: new Date('2026-02-04T01:30:00Z') });
  });

  it('take their record’s place for a missing id, and its time for a missing time', () => {
    const event: DeliveryEvent = { ...delivered, messageId: uuid };
    const { storable } = fold({ events: [event, event] }, event);
    expect(new Set(storable.map(({ hash }) => hash)).size).toBe(3);
    expect(fold({ events: [event, event] }, event).storable).toEqual(storable);
    expect(storable[0]).toMatchObject({ day: '2026-03-01', at: new Date(timestampMs) });
  });

  it('have a day even when their record has no time', () => {
    const [event] = foldRecords(
      [{ value: { ...delivered, id: 'e' }, offset: 0n, timestampMs: -1, headers: {} }],
      'p',
    ).storable;
    expect(event?.day).toBe('1970-01-01');
  });

  it('know their message by its public or its bare id, and none by any other', () => {
    const ids = [`msg_${uuid}`, uuid, uuid.toUpperCase(), 'foreign-1'];
    const { storable } = fold(...ids.map((messageId) => ({ ...delivered, messageId })));
    expect(storable.map(({ messageId }) => messageId)).toEqual([uuid, uuid, uuid, undefined]);
  });
});

const message: KnownMessage = { id: uuid, status: 'sent', opens: 0, clicks: 0 };
const event = (type: DeliveryEvent['type'], more: Partial<DeliveryEvent> = {}): DeliveryEvent => ({
  ...delivered,
  type,
  ...more,
});

describe('What events make of a message', () => {
  it('ends in the same state, opens and clicks in whatever order they come', () => {
    const events = fc.array(
      fc
        .record({ type: fc.constantFrom(...deliveryTypes), machine: fc.boolean() })
        .map(({ type, machine }) => event(type, { machine })),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...messageStates),
        events.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
        ),
        (status, [all, shuffled]) => {
          const inOrder = changeMessage({ ...message, status }, all);
          const mixed = changeMessage({ ...message, status }, shuffled);
          expect([mixed.status, mixed.opens, mixed.clicks]).toEqual([inOrder.status, inOrder.opens, inOrder.clicks]);
        },
      ),
    );
  });

  it('tells the same first outcomes in whatever order and batches its events come', () => {
    const events = fc.array(
      fc.constantFrom(...deliveryTypes).map((type) => event(type)),
      { maxLength: 8 },
    );
    const mixed = events.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
        fc.nat({ max: all.length }),
      ),
    );
    fc.assert(
      fc.property(mixed, ([all, shuffled, cut]) => {
        const earlier = shuffled.slice(0, cut);
        const later = shuffled.slice(cut);
        const first = changeMessage(message, earlier);
        const history = needsHistory(first.status, later) ? earlier.map(({ type }) => type) : [];
        const second = changeMessage({ ...message, ...first }, later, history);
        expect([...told(first), ...told(second)].sort()).toEqual(told(changeMessage(message, all)).sort());
      }),
      { numRuns: 500 },
    );
  });

  it('needs its history only where its state cannot tell', () => {
    expect(needsHistory('bounced', [event('delivered')])).toBe(true);
    expect(needsHistory('complained', [event('bounced')])).toBe(true);
    expect(needsHistory('delivered', [event('delivered'), event('opened'), event('bounced')])).toBe(false);
    expect(needsHistory('sent', [event('delivered'), event('complained')])).toBe(false);
  });

  it('tells each first outcome once, for the statistics', () => {
    const first = changeMessage(message, [event('delivered'), event('opened'), event('opened'), event('clicked')]);
    expect(first).toMatchObject({ status: 'delivered', opens: 2, clicks: 1 });
    expect(told(first)).toEqual(['delivered', 'opened', 'clicked']);
    const again = changeMessage({ ...message, ...first }, [event('delivered'), event('opened'), event('clicked')]);
    expect(again).toMatchObject({ status: 'delivered', opens: 3, clicks: 2, firsts: [] });
  });

  it('lets a late bounce or complaint override delivered, and counts it', () => {
    expect(changeMessage({ ...message, status: 'delivered' }, [event('bounced')])).toMatchObject({
      status: 'bounced',
      firsts: [{ outcome: 'bounced' }],
    });
    expect(changeMessage({ ...message, status: 'delivered' }, [event('complained')])).toMatchObject({
      status: 'complained',
      firsts: [{ outcome: 'complained' }],
    });
    expect(changeMessage({ ...message, status: 'bounced' }, [event('bounced')]).firsts).toEqual([]);
  });

  it('counts no machine’s opens and clicks, though they prove that the ESP had it', () => {
    const change = changeMessage({ ...message, status: 'sending' }, [
      event('opened', { machine: true }),
      event('clicked', { machine: true }),
    ]);
    expect(change).toMatchObject({ status: 'sent', opens: 0, clicks: 0, firsts: [] });
  });

  it('settles an attempt whose answer was lost: it was sent', () => {
    expect(changeMessage({ ...message, status: 'unknown' }, [event('delivered')])).toMatchObject({
      status: 'delivered',
      firsts: [{ outcome: 'sent' }, { outcome: 'delivered' }],
    });
  });

  it('credits each outcome to the ESP of the event that brought it, whoever is first in the batch', () => {
    const change = changeMessage({ ...message, status: 'unknown' }, [
      event('opened', { esp: 'sendgrid-eu' }),
      event('delivered', { esp: 'sendgrid' }),
      event('opened', { esp: 'sendgrid' }),
      event('delivered', { esp: 'sendgrid-eu' }),
      event('clicked', { esp: undefined }),
    ]);
    expect(change.firsts).toEqual([
      { outcome: 'sent', esp: 'sendgrid-eu' },
      { outcome: 'opened', esp: 'sendgrid-eu' },
      { outcome: 'delivered', esp: 'sendgrid' },
      { outcome: 'clicked', esp: undefined },
    ]);
  });

  it('keeps the reason of the event that moved it', () => {
    const change = changeMessage(message, [
      event('bounced', { reason: 'no such user' }),
      event('delivered', { reason: 'later' }),
    ]);
    expect(change).toMatchObject({ status: 'bounced', reason: 'no such user' });
  });

  it('notes when the recipient unsubscribed, and leaves the state alone', () => {
    const change = changeMessage({ ...message, status: 'delivered' }, [
      event('unsubscribed', { at: '2026-01-01T00:00:00Z' }),
    ]);
    expect(change).toMatchObject({ status: 'delivered', unsubscribedAt: new Date('2026-01-01T00:00:00Z') });
  });
});

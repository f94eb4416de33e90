import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { requestId } from '../../../shared/contracts/request-id.ts';
import {
  attemptId,
  messageFamily,
  messageIdsOf,
  messageUuid,
  publicMessageId,
  requestIdOfKey,
  requestIdOfRecord,
} from '../../../shared/domain/request-ids.ts';

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const given = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/);
const sortable = fc.uuid({ version: 7 }).map((uuid) => `req_${uuid}`);
const requestIds = fc.oneof(given, sortable);
const index = fc.nat({ max: 65_535 });

const origin = {
  cluster: 'cluster-1',
  topic: 'email-send',
  partition: 3,
  offset: '42',
  timestampMs: 1_700_000_000_000,
  value: Buffer.from('{"from":"a@b.example"}'),
};

describe('The ids of a request’s messages', () => {
  it('are UUIDs of version 7', () => {
    fc.assert(
      fc.property(requestIds, index, (id, at) => {
        expect(messageIdsOf(id)(at)).toMatch(uuidV7);
      }),
    );
  });

  it('are the same whenever they are computed', () => {
    fc.assert(
      fc.property(requestIds, index, (id, at) => {
        expect(messageIdsOf(id)(at)).toBe(messageIdsOf(id)(at));
      }),
    );
  });

  it('are sorted like the recipients and never the same twice', () => {
    fc.assert(
      fc.property(requestIds, fc.uniqueArray(index, { minLength: 2, maxLength: 50 }), (id, places) => {
        const idOf = messageIdsOf(id);
        const ids = [...places].sort((a, b) => a - b).map(idOf);
        expect([...ids].sort()).toEqual(ids);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });

  it('hold all 10,000 of the largest request apart', () => {
    const idOf = messageIdsOf('req_big');
    const ids = Array.from({ length: 10_000 }, (_, at) => idOf(at));
    expect(new Set(ids).size).toBe(10_000);
    expect([...ids].sort()).toEqual(ids);
  });

  it('belong to their own request alone', () => {
    fc.assert(
      fc.property(requestIds, requestIds, index, (one, other, at) => {
        fc.pre(one !== other);
        expect(messageIdsOf(one)(at)).not.toBe(messageIdsOf(other)(at));
        expect(messageFamily(messageIdsOf(one)(at)).family).not.toBe(messageFamily(messageIdsOf(other)(at)).family);
      }),
    );
  });

  it('take the time of a request id that has one, so that they grow with time', () => {
    const id = '018bcfe5-6800-7abc-8def-0123456789ab';
    expect(messageIdsOf(`req_${id}`)(7).slice(0, 13)).toBe(id.slice(0, 13));
  });

  it('come apart again into family and index', () => {
    fc.assert(
      fc.property(requestIds, index, index, (id, at, other) => {
        const idOf = messageIdsOf(id);
        expect(messageFamily(idOf(at)).index).toBe(at);
        expect(messageFamily(idOf(at)).family).toBe(messageFamily(idOf(other)).family);
      }),
    );
  });
});

describe('The id of a record without one', () => {
  it('is the same for the same record', () => {
    expect(requestIdOfRecord(origin)).toBe(requestIdOfRecord({ ...origin, value: Buffer.from(origin.value) }));
    expect(requestIdOfRecord(origin)).toMatch(/^req_[0-9a-f-]{36}$/);
    expect(requestIdOfRecord(origin).slice(4)).toMatch(uuidV7);
    expect(requestId.safeParse(requestIdOfRecord(origin)).success).toBe(true);
  });

  it.each<[string, Partial<typeof origin>]>([
    ['another cluster', { cluster: 'cluster-2' }],
    ['another topic', { topic: 'email-send-bulk' }],
    ['another partition', { partition: 4 }],
    ['another offset', { offset: '43' }],
    ['another time', { timestampMs: origin.timestampMs + 1 }],
    ['another value', { value: Buffer.from('{"from":"c@b.example"}') }],
  ])('differs with %s', (_, change) => {
    expect(requestIdOfRecord({ ...origin, ...change })).not.toBe(requestIdOfRecord(origin));
  });

  it('begins with the record’s time, and copes with a record that has none', () => {
    expect(requestIdOfRecord(origin).slice(4, 17).replace('-', '')).toBe(
      origin.timestampMs.toString(16).padStart(12, '0'),
    );
    expect(requestIdOfRecord({ ...origin, timestampMs: -1 }).slice(4)).toMatch(uuidV7);
  });
});

describe('The id of a request with an idempotency key', () => {
  it('is one per account, key and body', () => {
    const body = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.string(),
        fc.string(),
        body,
        body,
        (account, key, other, otherKey, a, b) => {
          const id = requestIdOfKey(account, key, a);
          expect(requestIdOfKey(account, key, a)).toBe(id);
          if (otherKey !== key) expect(requestIdOfKey(account, otherKey, a)).not.toBe(id);
          if (other !== account && !`${account}${other}`.includes('\n')) {
            expect(requestIdOfKey(other, key, a)).not.toBe(id);
          }
          if (Buffer.compare(a, b) !== 0) expect(requestIdOfKey(account, key, b)).not.toBe(id);
          expect(id.slice(4)).toMatch(uuidV7);
        },
      ),
    );
  });
});

describe('A message id as callers see it', () => {
  it('leads back to the stored one', () => {
    fc.assert(
      fc.property(requestIds, index, (id, at) => {
        const uuid = messageIdsOf(id)(at);
        expect(messageUuid(publicMessageId(uuid))).toBe(uuid);
        expect(messageUuid(uuid.toUpperCase())).toBe(uuid);
        expect(attemptId(uuid, 3)).toBe(`${uuid}.3`);
      }),
    );
  });

  it.each([
    '',
    'msg_',
    'msg_1',
    'req_018bcfe5-6800-7abc-8def-0123456789ab',
    "018bcfe5-6800-7abc-8def-0123456789ab' or 1=1",
    '__proto__',
  ])('is none: %s', (text) => {
    expect(messageUuid(text)).toBeUndefined();
  });
});

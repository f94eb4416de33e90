import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dueRecords } from '../../../consumers/scheduler/due-records.ts';

const due = fc.uniqueArray(fc.record({ id: fc.uuid(), lane: fc.constantFrom('email-send', 'email-send-bulk') }), {
  selector: ({ id }) => id,
  maxLength: 50,
});

it('names every due message once, in records of its own lane', () => {
  fc.assert(
    fc.property(due, (messages) => {
      const named = dueRecords(messages).flatMap(({ lane, ids }) => ids.map((id) => ({ id, lane })));
      const sorted = (all: readonly { readonly id: string }[]) => [...all].sort((a, b) => (a.id < b.id ? -1 : 1));
      expect(sorted(named)).toEqual(sorted(messages));
    }),
  );
});

it('looks the same for the same messages in any order', () => {
  fc.assert(
    fc.property(due, (messages) => {
      const byLane = (records: ReturnType<typeof dueRecords>) =>
        [...records].sort((a, b) => (a.lane < b.lane ? -1 : 1));
      expect(byLane(dueRecords([...messages].reverse()))).toEqual(byLane(dueRecords(messages)));
    }),
  );
});

it('holds at most 500 messages a record, so that each is one claim', () => {
  const messages = Array.from({ length: 1_201 }, (_, index) => ({ id: String(index), lane: 'email-send' }));
  expect(dueRecords(messages).map(({ ids }) => ids.length)).toEqual([500, 500, 201]);
  expect(dueRecords([])).toEqual([]);
});

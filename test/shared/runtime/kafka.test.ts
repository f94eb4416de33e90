import { createRequire } from 'node:module';
import { expect, it } from '@jest/globals';
import { kafkaClient } from '../../../shared/runtime/kafka.ts';
import { createLog } from '../../../shared/runtime/log.ts';

interface Queue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  scheduleCheckPendingRequests(): void;
}
const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
  options: object,
) => Queue;
// Makes the library ready, as whoever needs Kafka does.
kafkaClient(['127.0.0.1:1'], 'test', createLog({ name: 'test', level: 'silent' }));

const timerOf = (change: Partial<Queue>): NodeJS.Timeout | null => {
  const queue = new RequestQueue({ maxInFlightRequests: 1, clientId: 'c', broker: 'b' });
  Object.assign(queue, change).scheduleCheckPendingRequests();
  const timer = queue.throttleCheckTimeoutId;
  if (timer !== null) clearTimeout(timer);
  return timer;
};

it('arms no timer on an idle connection', () => {
  expect(timerOf({})).toBeNull();
});

it('arms one while requests wait or the broker throttles us', () => {
  expect(timerOf({ pending: [{}] })).not.toBeNull();
  expect(timerOf({ throttledUntil: Date.now() + 60_000 })).not.toBeNull();
  expect(timerOf({ throttledUntil: Date.now() - 1 })).toBeNull();
});

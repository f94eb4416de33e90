import { expect, it } from '@jest/globals';
import { createRecentRequests } from '../../../producers/ingress/recent-requests.ts';
import { messageIdsOf, publicMessageId } from '../../../shared/domain/request-ids.ts';

const requestOf = (requestId: string, count: number) => {
  const idOf = messageIdsOf(requestId);
  return {
    requestId,
    accountId: 'admin',
    messages: Array.from({ length: count }, (_, index) => ({
      id: publicMessageId(idOf(index)),
      email: `u${index}@${requestId}.example`,
    })),
  };
};

it('answers for a request and each of its messages, and for no other', () => {
  const recent = createRecentRequests();
  const one = requestOf('one', 1_000);
  const other = requestOf('other', 3);
  recent.add(one);
  recent.add(other);
  expect(recent.request('one')).toEqual(one);
  expect(recent.request('nobody')).toBeUndefined();
  for (const { id, email } of [...one.messages, ...other.messages]) {
    expect(recent.message(id)?.email).toBe(email);
    expect(recent.message(id.replace('msg_', ''))?.email).toBe(email);
  }
  expect(recent.message(messageIdsOf('one')(1_000))).toBeUndefined();
  expect(recent.message(messageIdsOf('nobody')(0))).toBeUndefined();
  expect(recent.message('nonsense')).toBeUndefined();
});

it('forgets the oldest first when it holds too much', () => {
  const recent = createRecentRequests();
  for (let index = 0; index < 31; index += 1) {
    recent.add({ ...requestOf(`r${index}`, 1), messages: Array(10_000).fill({ id: 'x', email: 'y' }) });
  }
  expect(recent.request('r0')).toBeUndefined();
  expect(recent.request('r30')).toBeDefined();
});

import { LRUCache } from 'lru-cache';
import { messageFamily, messageUuid } from '../../shared/domain/request-ids.ts';

export interface RecentRequest {
  readonly requestId: string;
  readonly accountId: string;
  readonly messages: readonly { readonly id: string; readonly email: string }[];
}

/**
 * What this process has accepted in the last minute: it can answer for a request before a consumer has stored it.
 * Holds at most 300,000 messages; the oldest go first.
 */
export const createRecentRequests = () => {
  const byRequest = new LRUCache<string, RecentRequest>({
    ttl: 60_000,
    maxSize: 300_000,
    sizeCalculation: (request) => request.messages.length,
  });
  // An order about a request may come while its records wait behind others: whose it is stays known for longer.
  const owners = new LRUCache<string, string>({ ttl: 86_400_000, max: 100_000 });
  const byFamily = new LRUCache<string, string>({ ttl: 60_000, max: 300_000 });
  const familyOf = (id: string) => {
    const uuid = messageUuid(id);
    return uuid === undefined ? undefined : messageFamily(uuid);
  };
  return {
    add: (request: RecentRequest): void => {
      byRequest.set(request.requestId, request);
      owners.set(request.requestId, request.accountId);
      const family = familyOf(request.messages[0]?.id ?? '')?.family;
      if (family !== undefined) byFamily.set(family, request.requestId);
    },
    ownerOf: (id: string): string | undefined => owners.get(id),
    request: (id: string): RecentRequest | undefined => byRequest.get(id),
    message: (id: string): { readonly request: RecentRequest; readonly email: string } | undefined => {
      const place = familyOf(id);
      const request = place === undefined ? undefined : byRequest.get(byFamily.get(place.family) ?? '');
      const message = place === undefined ? undefined : request?.messages[place.index];
      return request === undefined || message === undefined ? undefined : { request, email: message.email };
    },
  };
};
export type RecentRequests = ReturnType<typeof createRecentRequests>;

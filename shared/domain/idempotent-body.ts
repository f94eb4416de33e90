import type { EmailRecord } from '../contracts/email.ts';

// What the doors add to a request, and what names it without being a part of it.
const notOfTheBody: ReadonlySet<string> = new Set(['id', 'accountId', 'part', 'contentRef']);

/**
 * What two requests with one idempotency key must have in common to be the same: the body as text, without what the doors
 * add to it. The same request has the same text whether it came over HTTP or Kafka.
 */
export const idempotentBody = (request: Omit<EmailRecord, 'id'>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(request).filter(([name]) => !notOfTheBody.has(name))));

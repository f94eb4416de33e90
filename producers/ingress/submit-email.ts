// The one road of every door: a request of a known caller is checked, counted, cut into records, and on Kafka when this
// returns. Doors translate their protocol into an EmailRequest, and a Refusal into their protocol.
import { createHash } from 'node:crypto';
import type { EmailRequest } from '../../shared/contracts/email.ts';
import type { SendLane, Topics } from '../../shared/contracts/topics.ts';
import { settleKey, takeKey } from '../../shared/db/idempotency.ts';
import { idempotentBody } from '../../shared/domain/idempotent-body.ts';
import { messageBytes } from '../../shared/domain/message-size.ts';
import { requestIdOfKey } from '../../shared/domain/request-ids.ts';
import type { BlobStore } from '../../shared/runtime/blob-store.ts';
import type { Publisher, Urgency } from '../../shared/runtime/publisher.ts';
import { accept, type Accepted } from '../../shared/domain/accept.ts';
import { admitRecipients } from './caller-limits.ts';
import type { Caller } from './check-key.ts';
import { checkRequest, type CheckingDoor } from './check-request.ts';
import type { RateLimits } from './rate-limits.ts';
import type { RecentRequests } from './recent-requests.ts';
import { invalid, Refusal } from './refusal.ts';

/** What every door stands on; wired in main.ts. */
export interface Submitting extends CheckingDoor {
  readonly publisher: Publisher;
  readonly topics: Topics;
  readonly recent: RecentRequests;
  readonly blobs: BlobStore;
  readonly rateLimits: RateLimits;
  readonly maxMessageBytes: number;
  readonly newRequestId: () => string;
}

export interface Submitted {
  readonly requestId: string;
  readonly messages: Accepted['messages'];
  /** The same request was accepted before under its key; nothing was sent now. */
  readonly isReplay: boolean;
}

const urgencyOf: Readonly<Record<SendLane, Urgency>> = {
  'email-send-otp': 'urgent',
  'email-send': 'usual',
  'email-send-bulk': 'can-wait',
};

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const publish = async (
  { blobs, topics, publisher }: Submitting,
  accepted: readonly [Accepted, ...(readonly Accepted[])],
): Promise<void> => {
  for (const { blob } of accepted) if (blob !== undefined) await blobs.put(blob.key, blob.body);
  const records = accepted.flatMap(({ lane, records: own }) =>
    own.map(({ key, value }) => ({ topic: topics.send[lane].name, key, value })),
  );
  await publisher.publish(records, urgencyOf[accepted[0].lane]);
};

/** True: it was published before. Throws `in-flight`, or `invalid` when the key was used with another body. */
const publishOnce = async (
  door: Submitting,
  accepted: Accepted,
  { accountId, key, bodyHash }: { readonly accountId: string; readonly key: string; readonly bodyHash: Buffer },
): Promise<boolean> => {
  const keyHash = sha256(key);
  const state = await takeKey(door.pool, { accountId, keyHash, bodyHash, requestId: accepted.requestId });
  if (state === 'in-flight') throw new Refusal('in-flight', 'A request with this key is being accepted right now.');
  if (state === 'other-body')
    throw invalid([{ pointer: '/headers/idempotency-key', detail: 'was used with another body' }]);
  if (state === 'done') return true;
  try {
    await publish(door, [accepted]);
  } catch (error) {
    await settleKey(door.pool, accountId, keyHash, false);
    throw error;
  }
  await settleKey(door.pool, accountId, keyHash, true);
  return false;
};

const checkWhole = async (door: Submitting, caller: Caller, request: EmailRequest): Promise<void> => {
  await checkRequest(request, caller, door);
  const bytes = messageBytes(request);
  if (bytes > door.maxMessageBytes) {
    throw new Refusal(
      'too-large',
      `The message has ${bytes} bytes with its attachments; at most ${door.maxMessageBytes} are carried.`,
    );
  }
};

const cut = (request: EmailRequest, accountId: string, requestId: string): Accepted => {
  const acceptance = accept(request, { accountId, requestId });
  if (acceptance.ok) return acceptance.accepted;
  throw new Refusal(
    'too-large',
    `One recipient with its values needs ${acceptance.tooLargeBytes} bytes; a record carries at most 900,000.`,
  );
};

/**
 * Accepts a request for a caller who was let in with the scope `send`. Returns once Kafka has it on all replicas. With an
 * idempotency key (1–256 characters) a repeat within 24 hours is answered like the first and sends nothing; `requestId`
 * fixes the id where the door has one of its own. Throws `Refusal`, or `InfrastructureError` when Kafka does not take it
 * in time (it may still arrive then).
 */
export const submitEmail = async (
  door: Submitting,
  caller: Caller,
  request: EmailRequest,
  options: { readonly idempotencyKey?: string | undefined; readonly requestId?: string } = {},
): Promise<Submitted> => {
  const { accountId } = caller;
  await checkWhole(door, caller, request);
  await admitRecipients(door.rateLimits, caller, request.recipients.length);
  const key = options.idempotencyKey;
  const bodyHash = sha256(idempotentBody(request));
  const ownId = options.requestId ?? door.newRequestId();
  const requestId = key === undefined ? ownId : requestIdOfKey(accountId, key, bodyHash);
  const accepted = cut(request, accountId, requestId);
  const isReplay = key !== undefined && (await publishOnce(door, accepted, { accountId, key, bodyHash }));
  if (key === undefined) await publish(door, [accepted]);
  door.recent.add({ requestId, accountId, messages: accepted.messages });
  return { requestId, messages: accepted.messages, isReplay };
};

/** Whether several requests together would be accepted; nothing is published. Throws `Refusal`. */
export const checkTogether = async (
  door: Submitting,
  caller: Caller,
  requests: readonly EmailRequest[],
): Promise<void> => {
  for (const request of requests) await checkWhole(door, caller, request);
};

/**
 * Accepts several requests together, for doors whose one call can say what takes several of ours: all are checked before
 * any is published, and they go to Kafka at once. Answers in their order. Throws as `submitEmail` does.
 */
export const submitTogether = async (
  door: Submitting,
  caller: Caller,
  requests: readonly [EmailRequest, ...(readonly EmailRequest[])],
): Promise<readonly [Submitted, ...(readonly Submitted[])]> => {
  const { accountId } = caller;
  await checkTogether(door, caller, requests);
  const recipients = requests.reduce((sum, request) => sum + request.recipients.length, 0);
  await admitRecipients(door.rateLimits, caller, recipients);
  const [first, ...others] = requests.map((request) => cut(request, accountId, door.newRequestId()));
  if (first === undefined) throw new TypeError('no request was given');
  await publish(door, [first, ...others]);
  const told = ({ requestId, messages }: Accepted): Submitted => {
    door.recent.add({ requestId, accountId, messages });
    return { requestId, messages, isReplay: false };
  };
  return [told(first), ...others.map(told)];
};

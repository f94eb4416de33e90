import type { z } from 'zod';
import type { requestAnswer } from '../../../shared/contracts/api.ts';
import { loadBatches } from '../../../shared/db/paced-requests.ts';
import { countCarried, countStates } from '../../../shared/db/read-messages.ts';
import { loadOrders } from '../../../shared/db/request-orders.ts';
import { loadRequests, templateOf } from '../../../shared/db/requests.ts';
import { decisionById } from '../../../shared/db/weight-decisions.ts';
import { isFinal, messageStates } from '../../../shared/domain/message-state.ts';
import type { IngressContext } from './ingress-context.ts';
import { HttpProblem } from './problem.ts';

type RequestStatus = z.infer<typeof requestAnswer>;

/** Another process may have accepted it a moment ago. */
const notThereYet = (): HttpProblem =>
  new HttpProblem(404, 'Not found', {
    detail: 'There is no such request (yet).',
    headers: { 'retry-after': '1' },
  });

const statusOf = (counts: Readonly<Record<string, number>>, total: number): RequestStatus['status'] => {
  if (counts['queued'] === total) return 'queued';
  return messageStates.some((state) => !isFinal(state) && (counts[state] ?? 0) > 0) ? 'processing' : 'done';
};

/** Throws 404 unless the request is this account's, stored or accepted by this process within the last day. */
export const mustOwn = async (
  { pool, recent }: Pick<IngressContext, 'pool' | 'recent'>,
  accountId: string,
  requestId: string,
): Promise<void> => {
  const stored = (await loadRequests(pool, [requestId], { withContent: false })).get(requestId);
  const owner = stored === undefined ? recent.ownerOf(requestId) : stored.accountId;
  if (owner !== accountId) throw notThereYet();
};

/** What became of an account's request. Throws 404 when there is none (yet). */
export const requestStatus = async (
  { pool, recent }: Pick<IngressContext, 'pool' | 'recent'>,
  accountId: string,
  requestId: string,
): Promise<RequestStatus> => {
  const stored = (await loadRequests(pool, [requestId], { withContent: false })).get(requestId);
  if (stored === undefined || stored.accountId !== accountId) {
    const known = recent.request(requestId);
    if (stored !== undefined || known?.accountId !== accountId) throw notThereYet();
    const total = known.messages.length;
    return { id: requestId, status: 'queued', total, counts: { queued: total }, split: {}, carried: {}, weights: {} };
  }
  const [counted, carried, decision, orderOf, batches] = await Promise.all([
    countStates(pool, requestId),
    countCarried(pool, requestId),
    stored.decisionId === null ? undefined : decisionById(pool, stored.decisionId),
    loadOrders(pool, [{ accountId, requestId }]),
    typeof stored.batchSize === 'number' ? loadBatches(pool, requestId) : undefined,
  ]);
  const order = orderOf({ accountId, requestId });
  const other = Object.entries(counted).reduce((sum, [state, count]) => sum + (state === 'queued' ? 0 : count), 0);
  const counts: Record<string, number> = { ...counted, queued: stored.total - other };
  return {
    id: requestId,
    status: statusOf(counts, stored.total),
    total: stored.total,
    counts,
    split: { ...stored.split },
    carried: { ...carried },
    weights: { ...stored.weights },
    ...(decision === undefined ? {} : { window: decision.window, decisionId: decision.id }),
    createdAt: stored.createdAt.toISOString(),
    ...templateOf(stored),
    ...(order?.isPaused === true && !order.isCancelled ? { paused: true } : {}),
    ...(batches && {
      batches: batches.map(({ at, weights, split, ...batch }) => ({
        ...batch,
        at: at.toISOString(),
        weights: { ...weights },
        split: { ...split },
      })),
    }),
  };
};

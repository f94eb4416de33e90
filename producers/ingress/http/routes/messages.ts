import { z } from 'zod';
import { messageAnswer, messageListAnswer, type MessageSummary } from '../../../../shared/contracts/api.ts';
import { moment, storableText, utc } from '../../../../shared/contracts/text.ts';
import {
  listMessages,
  loadMessage,
  type MessageDetails,
  type MessageRow,
} from '../../../../shared/db/read-messages.ts';
import { parseAddress } from '../../../../shared/domain/email-address.ts';
import { messageStates } from '../../../../shared/domain/message-state.ts';
import { messageUuid, publicMessageId } from '../../../../shared/domain/request-ids.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const messageIdPattern = '^(?:msg_)?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$';
const messageId = z
  .string()
  .refine((text) => messageUuid(text) !== undefined, { error: 'is not a message id' })
  .meta({ pattern: messageIdPattern });

const summary = (row: MessageRow): MessageSummary => ({
  id: publicMessageId(row.id),
  requestId: row.request_id,
  email: row.email,
  status: row.status,
  esp: row.esp === '' ? null : row.esp,
  attempts: row.attempt,
  duplicateSuspected: row.duplicate_suspected,
  opens: row.opens,
  clicks: row.clicks,
  reason: row.reason,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

const attemptsOf = ({ message, attempts }: MessageDetails) => {
  const finished = attempts.map((attempt) => ({
    number: attempt.number,
    esp: attempt.esp,
    state: attempt.state,
    startedAt: attempt.started_at.toISOString(),
    finishedAt: attempt.finished_at?.toISOString() ?? null,
    providerMessageId: attempt.provider_message_id,
    error: attempt.error,
  }));
  // The attempt under way stands in the message's row until it has ended.
  const isOpen = message.status === 'sending' && !attempts.some((attempt) => attempt.number === message.attempt);
  if (!isOpen) return finished;
  const startedAt = message.claimed_at?.toISOString() ?? null;
  return [
    ...finished,
    {
      number: message.attempt,
      esp: message.esp,
      state: 'sending',
      startedAt,
      finishedAt: null,
      providerMessageId: null,
      error: null,
    },
  ];
};

/** `GET /v1/messages` and `GET /v1/messages/:id`. */
export const messageRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/v1/messages',
    {
      config: needs('read'),
      schema: {
        tags: ['messages'],
        operationId: 'listMessages',
        summary: 'Messages, newest first',
        security: withKey,
        querystring: z.strictObject({
          status: z.enum(messageStates).optional(),
          email: storableText(320).optional(),
          esp: storableText(64).optional(),
          requestId: storableText(128).optional(),
          since: moment.optional(),
          until: moment.optional(),
          limit: z.coerce.number().int().min(1).max(1_000).default(50),
          after: messageId.optional(),
        }),
        response: { 200: messageListAnswer, 400: problemSchema, 401: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const { query } = request;
      const rows = await listMessages(context.pool, {
        ...query,
        since: utc(query.since),
        until: utc(query.until),
        accountId,
        email: query.email === undefined ? undefined : (parseAddress(query.email)?.email ?? query.email),
        after: query.after === undefined ? undefined : messageUuid(query.after),
      });
      return { data: rows.slice(0, query.limit).map(summary), hasMore: rows.length > query.limit };
    },
  );

  app.get(
    '/v1/messages/:id',
    {
      config: needs('read'),
      schema: {
        tags: ['messages'],
        operationId: 'getMessage',
        summary: 'One message: its attempts, what ESPs told of it, and why it went where it went',
        security: withKey,
        params: z.object({ id: z.string().meta({ pattern: messageIdPattern }) }),
        response: { 200: messageAnswer, 401: problemSchema, 404: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const uuid = messageUuid(request.params.id);
      if (uuid === undefined) throw notFound('message');
      const details = await loadMessage(context.pool, accountId, uuid);
      if (details === undefined) {
        const known = context.recent.message(uuid);
        if (known?.request.accountId !== accountId) {
          throw new HttpProblem(404, 'Not found', {
            detail: 'There is no such message (yet).',
            headers: { 'retry-after': '1' },
          });
        }
        const now = new Date().toISOString();
        return {
          id: publicMessageId(uuid),
          requestId: known.request.requestId,
          email: known.email,
          status: 'queued',
          esp: null,
          duplicateSuspected: false,
          opens: 0,
          clicks: 0,
          reason: null,
          createdAt: now,
          updatedAt: now,
          attempts: [],
          events: [],
          decision: null,
        };
      }
      const { decision } = details;
      return {
        ...summary(details.message),
        attempts: attemptsOf(details),
        events: details.events.map((event) => ({ ...event, at: event.at.toISOString() })),
        decision:
          decision === undefined
            ? null
            : {
                ...decision,
                decidedAt: decision.decidedAt.toISOString(),
                weights: { ...decision.weights },
                providerWeights: { ...decision.providerWeights },
              },
      };
    },
  );
};

import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import {
  callListAnswer,
  callMadeAnswer,
  callStates,
  newWebhook,
  replayAnswer,
  replayQuestion,
  webhookAnswer,
  webhookChange,
  webhookEvents,
  webhookListAnswer,
  webhookWithSecret,
  type CallAnswer,
  type WebhookAnswer,
} from '../../../../shared/contracts/webhooks-api.ts';
import { utc } from '../../../../shared/contracts/text.ts';
import { addCalls, listCalls, replayCall, replayFailed, type StoredCall } from '../../../../shared/db/webhook-calls.ts';
import {
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  listEndpoints,
  loadEndpoint,
  rotateSecret,
  type Endpoint,
} from '../../../../shared/db/webhook-endpoints.ts';
import { publicMessageId } from '../../../../shared/domain/request-ids.ts';
import { sealValue } from '../../../../shared/domain/sealed-value.ts';
import { makeWebhookSecret } from '../../../../shared/domain/webhook-secret.ts';
import { faultOfWebhookUrl } from '../../../../shared/domain/webhook-url.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { allowEmptyBody } from '../read-json.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const tags = ['webhooks out'];
const faults = { 400: problemSchema, 404: problemSchema, 422: problemSchema };
const config = needs('webhook-manage');
const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'must be an id of a webhook' });
const callId = z.string().regex(/^call_[A-Za-z0-9-]{1,64}$/, { error: 'must be an id of a call' });
const params = z.object({ id });

const endpointsAtMost = 50;
const oldSecretHours = 24;

const timeOf = (at: Date | null): string | null => at?.toISOString() ?? null;
const shown = (endpoint: Endpoint): WebhookAnswer => ({
  ...{ id: endpoint.id, url: endpoint.url, description: endpoint.description, events: [...endpoint.events] },
  ...{ batched: endpoint.batched, enabled: endpoint.enabled, disabledReason: endpoint.disabledReason },
  disabledAt: timeOf(endpoint.disabledAt),
  failingSince: timeOf(endpoint.failingSince),
  oldSecretUntil: timeOf(endpoint.oldSecretUntil),
  createdAt: endpoint.createdAt.toISOString(),
  updatedAt: endpoint.updatedAt.toISOString(),
});
const shownCall = (call: StoredCall): CallAnswer => ({
  ...{ id: call.id, webhookId: call.webhookId, type: call.type, state: call.state },
  attempts: [...call.attempts],
  messageIds: call.events.flatMap(({ messageId }) => (messageId === undefined ? [] : [publicMessageId(messageId)])),
  nextAt: call.state === 'due' ? call.dueAt.toISOString() : null,
  createdAt: call.createdAt.toISOString(),
});
const refuse = (pointer: string, detail: string): HttpProblem =>
  new HttpProblem(422, 'The request cannot be processed', { errors: [{ pointer, detail }] });

/** `/v1/webhooks`: where an account wants to hear what becomes of its mail. The calls are made by `webhook-out`. */
export const outgoingWebhookRoutes = (app: RouteApp, { pool, newId, outgoing }: IngressContext): void => {
  allowEmptyBody(app);

  const checkUrl = (url: string | undefined): void => {
    const fault = url === undefined ? undefined : faultOfWebhookUrl(url, outgoing.allowPrivate);
    if (fault !== undefined) throw refuse('/url', fault);
  };
  const newSecret = (endpointId: string): { secret: string; sealed: string } => {
    if (outgoing.secretKey === undefined) {
      throw new HttpProblem(422, 'Webhooks need JWT_SECRET, which this fleet does not have.');
    }
    const secret = makeWebhookSecret(randomBytes);
    return { secret, sealed: sealValue(outgoing.secretKey, endpointId, secret, randomBytes(12)) };
  };
  const own = async (accountId: string, endpointId: string): Promise<Endpoint> => {
    const found = await loadEndpoint(pool, { accountId, id: endpointId });
    if (found === undefined) throw notFound('webhook');
    return found;
  };

  app.get(
    '/v1/webhooks',
    {
      config,
      schema: {
        tags,
        operationId: 'listWebhooks',
        summary: 'Where the account is called',
        security: withKey,
        response: { 200: webhookListAnswer, ...faults },
      },
    },
    async (request) => ({ data: (await listEndpoints(pool, callerOf(request).accountId)).map(shown) }),
  );

  app.post(
    '/v1/webhooks',
    {
      config,
      schema: {
        tags,
        operationId: 'createWebhook',
        summary: 'Be called when the state of a message changes',
        description:
          'Calls are signed as Standard Webhooks says. The URL begins with https:// and leads to the public internet; the secret is shown this once.',
        security: withKey,
        body: newWebhook,
        response: { 201: webhookWithSecret, ...faults },
      },
    },
    async (request, reply) => {
      const { url, description = '', events = [...webhookEvents], batched = false } = request.body;
      checkUrl(url);
      const made = newId('whk_');
      const { secret, sealed } = newSecret(made);
      const { accountId } = callerOf(request);
      const stored = await createEndpoint(
        pool,
        { ...{ id: made, accountId, url, description, batched, secret: sealed }, events: [...new Set(events)] },
        endpointsAtMost,
      );
      if (stored === undefined) throw refuse('', `would be more than ${endpointsAtMost} webhooks of the account`);
      return reply
        .status(201)
        .header('location', `/v1/webhooks/${made}`)
        .send({ ...shown(stored), secret });
    },
  );

  app.get(
    '/v1/webhooks/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'getWebhook',
        summary: 'One webhook; whether it is called, and since when it fails',
        security: withKey,
        params,
        response: { 200: webhookAnswer, ...faults },
      },
    },
    async (request) => shown(await own(callerOf(request).accountId, request.params.id)),
  );

  app.patch(
    '/v1/webhooks/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'changeWebhook',
        summary: 'Change a webhook, or enable it again',
        security: withKey,
        params,
        body: webhookChange,
        response: { 200: webhookAnswer, ...faults },
      },
    },
    async (request) => {
      checkUrl(request.body.url);
      const name = { accountId: callerOf(request).accountId, id: request.params.id };
      const changed = await changeEndpoint(pool, name, request.body);
      if (changed === undefined) throw notFound('webhook');
      return shown(changed);
    },
  );

  app.delete(
    '/v1/webhooks/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'deleteWebhook',
        summary: 'Be called there no more',
        security: withKey,
        params,
        response: { 204: z.null(), ...faults },
      },
    },
    async (request, reply) => {
      const name = { accountId: callerOf(request).accountId, id: request.params.id };
      if (!(await deleteEndpoint(pool, name))) throw notFound('webhook');
      return reply.status(204).send(null);
    },
  );

  app.post(
    '/v1/webhooks/:id/rotate',
    {
      config,
      schema: {
        tags,
        operationId: 'rotateWebhookSecret',
        summary: 'Sign with a new secret, and for 24 hours with the old one too',
        security: withKey,
        params,
        response: { 200: webhookWithSecret, ...faults },
      },
    },
    async (request) => {
      const { secret, sealed } = newSecret(request.params.id);
      const name = { accountId: callerOf(request).accountId, id: request.params.id };
      const changed = await rotateSecret(pool, name, sealed, oldSecretHours);
      if (changed === undefined) throw notFound('webhook');
      return { ...shown(changed), secret };
    },
  );

  app.post(
    '/v1/webhooks/:id/test',
    {
      config,
      schema: {
        tags,
        operationId: 'testWebhook',
        summary: 'Be called with an event of the type `test`; its log says how that went',
        security: withKey,
        params,
        response: { 202: callMadeAnswer, ...faults },
      },
    },
    async (request, reply) => {
      const { id: endpointId, accountId } = await own(callerOf(request).accountId, request.params.id);
      const made = newId('call_');
      await addCalls(pool, [{ ...{ id: made, endpointId, accountId, webhookId: made }, type: 'test', events: [] }]);
      return reply.status(202).send({ callId: made });
    },
  );

  app.get(
    '/v1/webhooks/:id/calls',
    {
      config,
      schema: {
        tags,
        operationId: 'listWebhookCalls',
        summary: 'The log of calls, newest first, with what every try met',
        security: withKey,
        params,
        querystring: z.strictObject({
          state: z.enum(callStates).optional(),
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          after: callId.optional(),
        }),
        response: { 200: callListAnswer, ...faults },
      },
    },
    async (request) => {
      const { id: endpointId } = await own(callerOf(request).accountId, request.params.id);
      const found = await listCalls(pool, endpointId, request.query);
      const { limit } = request.query;
      return { data: found.slice(0, limit).map(shownCall), hasMore: found.length > limit };
    },
  );

  app.post(
    '/v1/webhooks/:id/calls/:callId/replay',
    {
      config,
      schema: {
        tags,
        operationId: 'replayWebhookCall',
        summary: 'Make a call once more, however it ended',
        security: withKey,
        params: z.object({ id, callId }),
        response: { 202: callMadeAnswer, ...faults },
      },
    },
    async (request, reply) => {
      const { id: endpointId } = await own(callerOf(request).accountId, request.params.id);
      if (!(await replayCall(pool, endpointId, request.params.callId))) throw notFound('call');
      return reply.status(202).send({ callId: request.params.callId });
    },
  );

  app.post(
    '/v1/webhooks/:id/replay',
    {
      config,
      schema: {
        tags,
        operationId: 'replayFailedWebhookCalls',
        summary: 'Make all calls once more that have failed since a time',
        security: withKey,
        params,
        body: replayQuestion,
        response: { 202: replayAnswer, ...faults },
      },
    },
    async (request, reply) => {
      const { id: endpointId } = await own(callerOf(request).accountId, request.params.id);
      return reply
        .status(202)
        .send({ replayed: await replayFailed(pool, endpointId, utc(request.body.since) ?? request.body.since) });
    },
  );
};

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { acceptedAnswer, requestAnswer } from '../../../../shared/contracts/api.ts';
import { hidden } from '../../../../shared/contracts/api-parts.ts';
import { emailRequest, type EmailRequest } from '../../../../shared/contracts/email.ts';
import { storableText } from '../../../../shared/contracts/text.ts';
import type { SendLane } from '../../../../shared/contracts/topics.ts';
import { settleKey, takeKey } from '../../../../shared/db/idempotency.ts';
import { countCarried, countStates } from '../../../../shared/db/read-messages.ts';
import { loadRequests, templateOf } from '../../../../shared/db/requests.ts';
import { decisionById } from '../../../../shared/db/weight-decisions.ts';
import { checkEmailRequest } from '../../../../shared/domain/check-email-request.ts';
import { isFinal, messageStates } from '../../../../shared/domain/message-state.ts';
import { idempotentBody } from '../../../../shared/domain/idempotent-body.ts';
import { messageBytes } from '../../../../shared/domain/message-size.ts';
import { parseAddress } from '../../../../shared/domain/email-address.ts';
import { requestIdOfKey } from '../../../../shared/domain/request-ids.ts';
import { senderFault } from '../../../../shared/domain/sender-domain.ts';
import { InvalidMessageError } from '../../../../shared/errors.ts';
import { compileContent } from '../../../../shared/render/compile-content.ts';
import type { Urgency } from '../../../../shared/runtime/publisher.ts';
import { checkStoredParts } from '../../check-template.ts';
import { accept, type Accepted } from '../../accept.ts';
import type { Caller } from '../../check-key.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { admitRecipients } from '../authenticate.ts';
import { HttpProblem, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const urgencyOf: Readonly<Record<SendLane, Urgency>> = {
  'email-send-otp': 'urgent',
  'email-send': 'usual',
  'email-send-bulk': 'can-wait',
};

// Told of in words: whoever makes requests from the document would send other bodies under one key, which is refused.
// HTTP drops blanks around a value, and what is not ASCII means something else to every client (RFC 9110 §5.5).
const idempotencyKey = z
  .string()
  .regex(/^[!-~](?:[ -~]{0,254}[!-~])?$/, { error: 'must be 1 to 256 printable ASCII characters' })
  .meta(hidden);

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const refuse = (errors: { pointer: string; detail: string }[]): never => {
  throw new HttpProblem(422, 'The request cannot be processed', { errors });
};

// So many evaluations in one go; others are served in between.
const perTurn = 50;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

// Whether the templates can be parsed; with strictVariables also whether every recipient has every variable.
const checkTemplates = async (request: EmailRequest): Promise<void> => {
  const strictVariables = request.strictVariables === true;
  for (const field of ['subject', 'text', 'html'] as const) {
    if (request[field] === undefined) continue;
    let at = `/${field}`;
    try {
      const compiled = compileContent({ subject: '', [field]: request[field] }, { strictVariables });
      if (!strictVariables) continue;
      for (const [index, recipient] of request.recipients.entries()) {
        if (index % perTurn === perTurn - 1) await nextTurn();
        at = `/recipients/${index}/substitutions`;
        compiled.valuesFor({ ...request.data, ...recipient.substitutions });
      }
    } catch (error) {
      if (!(error instanceof InvalidMessageError)) throw error;
      refuse([{ pointer: error.code === 'slow-template' ? `/${field}` : at, detail: error.message }]);
    }
  }
};

const check = async (request: EmailRequest, caller: Caller, context: IngressContext): Promise<void> => {
  const faults = checkEmailRequest(request);
  const sender = senderFault(caller.senderDomains, parseAddress(request.from)?.domain);
  if (sender !== undefined) faults.push({ pointer: '/from', detail: sender.detail });
  const configured = context.esps.map((esp) => esp.name);
  request.esps?.forEach((esp, index) => {
    if (!configured.includes(esp))
      faults.push({ pointer: `/esps/${index}`, detail: `is not configured; there are: ${configured.join(', ')}` });
  });
  const { pool, unsubscribeKey } = context;
  const parts = await checkStoredParts(pool, caller.accountId, request, unsubscribeKey !== undefined);
  faults.push(...parts.faults);
  if (faults.length > 0) refuse(faults);
  await checkTemplates({ ...request, ...parts.texts });
};

/** `POST /v1/emails` and what became of it. */
export const emailRoutes = (app: RouteApp, context: IngressContext): void => {
  const { publisher, pool, topics, recent } = context;

  const publish = async (accepted: Accepted): Promise<void> => {
    if (accepted.blob !== undefined) await context.blobs.put(accepted.blob.key, accepted.blob.body);
    const topic = topics.send[accepted.lane].name;
    const records = accepted.records.map(({ key, value }) => ({ topic, key, value }));
    await publisher.publish(records, urgencyOf[accepted.lane]);
  };

  app.post(
    '/v1/emails',
    {
      config: needs('send'),
      bodyLimit: Math.floor((context.maxMessageBytes * 4) / 3) + 10_485_760,
      schema: {
        tags: ['emails'],
        operationId: 'sendEmail',
        summary: 'Send one content to one or many recipients',
        description:
          'Answers 202 once Kafka has the request on all replicas. With a header Idempotency-Key (1 to 256 printable ASCII characters) a repeat within 24 hours is answered like the first and sends nothing; the same key with another body is a 422, while the first is under way a 409.',
        security: withKey,
        headers: z.object({ 'idempotency-key': idempotencyKey.optional() }),
        body: emailRequest,
        response: {
          202: acceptedAnswer,
          400: problemSchema,
          401: problemSchema,
          404: problemSchema,
          409: problemSchema,
          413: problemSchema,
          422: problemSchema,
          503: problemSchema,
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { accountId } = caller;
      await check(request.body, caller, context);
      const bytes = messageBytes(request.body);
      if (bytes > context.maxMessageBytes) {
        throw new HttpProblem(413, 'Too large', {
          detail: `The message has ${bytes} bytes with its attachments; at most ${context.maxMessageBytes} are carried.`,
        });
      }
      await admitRecipients(context.rateLimits, caller, request.body.recipients.length);
      const key = request.headers['idempotency-key'];
      const bodyHash = sha256(idempotentBody(request.body));
      const requestId = key === undefined ? context.newRequestId() : requestIdOfKey(accountId, key, bodyHash);
      const acceptance = accept(request.body, { accountId, requestId });
      if (!acceptance.ok) {
        throw new HttpProblem(413, 'Too large', {
          detail: `One recipient with its values needs ${acceptance.tooLargeBytes} bytes; a record carries at most 900,000.`,
        });
      }
      const { accepted } = acceptance;
      if (key === undefined) await publish(accepted);
      else {
        const keyHash = sha256(key);
        const state = await takeKey(pool, {
          accountId,
          keyHash,
          bodyHash,
          requestId,
        });
        if (state === 'in-flight')
          throw new HttpProblem(409, 'In flight', { detail: 'A request with this key is being accepted right now.' });
        if (state === 'other-body') {
          refuse([{ pointer: '/headers/idempotency-key', detail: 'was used with another body' }]);
        }
        if (state === 'done') void reply.header('idempotent-replayed', 'true');
        else {
          try {
            await publish(accepted);
          } catch (error) {
            await settleKey(pool, accountId, keyHash, false);
            throw error;
          }
          await settleKey(pool, accountId, keyHash, true);
        }
      }
      recent.add({ requestId, accountId, messages: accepted.messages });
      return reply
        .status(202)
        .header('location', `/v1/emails/${encodeURIComponent(requestId)}`)
        .send({ id: requestId, accepted: accepted.messages.length, messages: [...accepted.messages] });
    },
  );

  app.get(
    '/v1/emails/:requestId',
    {
      config: needs('read'),
      schema: {
        tags: ['emails'],
        operationId: 'getEmail',
        summary: 'What became of a request',
        security: withKey,
        params: z.object({ requestId: storableText(128).min(1) }),
        response: { 200: requestAnswer, 401: problemSchema, 404: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const { requestId } = request.params;
      const stored = (await loadRequests(pool, [requestId], { withContent: false })).get(requestId);
      if (stored === undefined || stored.accountId !== accountId) {
        const known = recent.request(requestId);
        if (known?.accountId === accountId) {
          const total = known.messages.length;
          return {
            id: requestId,
            status: 'queued' as const,
            total,
            counts: { queued: total },
            split: {},
            carried: {},
            weights: {},
          };
        }
        // Another process may have accepted it a moment ago.
        throw new HttpProblem(404, 'Not found', {
          detail: 'There is no such request (yet).',
          headers: { 'retry-after': '1' },
        });
      }
      const [counted, carried, decision] = await Promise.all([
        countStates(pool, requestId),
        countCarried(pool, requestId),
        stored.decisionId === null ? undefined : decisionById(pool, stored.decisionId),
      ]);
      const other = Object.entries(counted).reduce((sum, [state, count]) => sum + (state === 'queued' ? 0 : count), 0);
      const counts: Record<string, number> = { ...counted, queued: stored.total - other };
      const unfinished = messageStates.some((state) => !isFinal(state) && (counts[state] ?? 0) > 0);
      const status =
        counts['queued'] === stored.total
          ? ('queued' as const)
          : unfinished
            ? ('processing' as const)
            : ('done' as const);
      return {
        id: requestId,
        status,
        total: stored.total,
        counts,
        split: { ...stored.split },
        carried: { ...carried },
        weights: { ...stored.weights },
        ...(decision === undefined ? {} : { window: decision.window, decisionId: decision.id }),
        createdAt: stored.createdAt.toISOString(),
        ...templateOf(stored),
      };
    },
  );
};

import { z } from 'zod';
import {
  letterAnswer,
  letterEdit,
  letterListAnswer,
  letterQuery,
  retryFilter,
  retryManyAnswer,
  retryOneAnswer,
  type LetterSummary,
} from '../../../../shared/contracts/dead-letters-api.ts';
import type { Topic } from '../../../../shared/contracts/topics.ts';
import { removeOutbox, type OutboxRow } from '../../../../shared/db/outbox.ts';
import {
  countWaiting,
  discardLetters,
  groupLetters,
  listLetters,
  loadLetter,
  replayLetters,
  type Letter,
} from '../../../../shared/db/replay-dead-letters.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { decode } from '../../../../shared/runtime/decode.ts';
import { needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { allowEmptyBody } from '../read-json.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const faults = {
  400: problemSchema,
  401: problemSchema,
  403: problemSchema,
  404: problemSchema,
  422: problemSchema,
};
const letterId = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });
// The sweeper leaves what we publish ourselves alone for this long.
const ownMs = 10_000;
// A letter may hold 2 MiB.
const perStep = 100;
const perCall = 10_000;

const summary = ({ firstFailedAt, storedAt, replayedAt, ...letter }: Letter): LetterSummary => ({
  ...letter,
  firstFailedAt: firstFailedAt.toISOString(),
  storedAt: storedAt.toISOString(),
  replayedAt: replayedAt?.toISOString() ?? null,
});

const utf8 = new TextDecoder('utf-8', { fatal: true });
const shown = (payload: Buffer): { encoding: 'utf8' | 'base64'; payload: string } => {
  try {
    return { encoding: 'utf8', payload: utf8.decode(payload) };
  } catch {
    // Bytes that are no text are shown as what they are.
    return { encoding: 'base64', payload: payload.toString('base64') };
  }
};

const editedBytes = (edit: z.infer<typeof letterEdit>): Buffer | undefined => {
  if (edit.payloadBase64 !== undefined) return Buffer.from(edit.payloadBase64, 'base64');
  if (edit.payload === undefined) return undefined;
  return Buffer.from(typeof edit.payload === 'string' ? edit.payload : JSON.stringify(edit.payload));
};

/**
 * `/v1/dead-letters`: what could not be handled, looked at, sent back to its topic (as it was or mended) or discarded.
 * Raw records of all accounts, so only for an admin of the fleet.
 */
export const deadLetterRoutes = (app: RouteApp, context: IngressContext): void => {
  const { pool, publisher, topics } = context;
  allowEmptyBody(app);
  const readable = new Map<string, Topic<unknown>>(
    [...Object.values(topics.send), ...Object.values(topics.webhook), topics.delivery].map((topic) => [
      topic.name,
      topic as Topic<unknown>,
    ]),
  );

  // With Kafka away the outbox keeps them, and the scheduler publishes them when it is back.
  const publish = async (rows: readonly OutboxRow[]): Promise<boolean> => {
    try {
      await Promise.all(rows.map((row) => publisher.publish(row.records)));
    } catch (error) {
      if (error instanceof InfrastructureError) return false;
      throw error;
    }
    await removeOutbox(pool, rows);
    return true;
  };

  app.get(
    '/v1/dead-letters',
    {
      config: needs('admin', 'the fleet'),
      schema: {
        tags: ['dead letters'],
        operationId: 'listDeadLetters',
        summary: 'What could not be handled: by topic and code, and letter by letter, newest first',
        security: withKey,
        querystring: letterQuery,
        response: { 200: letterListAnswer, ...faults },
      },
    },
    async (request) => {
      const { limit, after, ...filter } = request.query;
      const [groups, letters] = await Promise.all([
        groupLetters(pool, filter),
        listLetters(pool, filter, { limit: limit + 1, after }),
      ]);
      return {
        groups: groups.map((group) => ({
          ...group,
          oldest: group.oldest.toISOString(),
          newest: group.newest.toISOString(),
        })),
        data: letters.slice(0, limit).map(summary),
        hasMore: letters.length > limit,
      };
    },
  );

  app.get(
    '/v1/dead-letters/:id',
    {
      config: needs('admin', 'the fleet'),
      schema: {
        tags: ['dead letters'],
        operationId: 'getDeadLetter',
        summary: 'One dead letter with its headers and payload',
        security: withKey,
        params: letterId,
        response: { 200: letterAnswer, ...faults },
      },
    },
    async (request) => {
      const letter = await loadLetter(pool, request.params.id);
      if (letter === undefined) throw notFound('dead letter');
      const { payload, headers, ...rest } = letter;
      return { ...summary(rest), headers: { ...headers }, ...shown(payload) };
    },
  );

  app.post(
    '/v1/dead-letters/:id/retry',
    {
      config: needs('admin', 'the fleet'),
      bodyLimit: 4_194_304,
      schema: {
        tags: ['dead letters'],
        operationId: 'retryDeadLetter',
        summary: 'Send a dead letter back to its topic, as it was or with another payload',
        description:
          'Its origin travels along, so it keeps its id: nothing that was done before is done again. A letter that was sent back and did not come again is left alone (200, `retried: false`).',
        security: withKey,
        params: letterId,
        body: letterEdit,
        response: { 200: retryOneAnswer, 202: retryOneAnswer, ...faults, 409: problemSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const letter = await loadLetter(pool, id);
      if (letter === undefined || letter.state === 'discarded') throw notFound('dead letter');
      const topic = readable.get(letter.topic);
      if (topic === undefined) {
        throw new HttpProblem(409, 'Not possible', {
          detail: `Nothing reads the topic ${letter.topic}; there are: ${[...readable.keys()].join(', ')}.`,
        });
      }
      const payload = editedBytes(request.body);
      if (payload !== undefined) {
        const decoded = decode(topic, payload);
        if (!decoded.ok) {
          throw new HttpProblem(409, 'Does not fit its topic', {
            errors: [{ pointer: '/payload', detail: decoded.reason }],
          });
        }
      }
      const { ids, outbox } = await replayLetters(
        pool,
        { ids: [id] },
        { topics: [letter.topic], limit: 1, ownMs, ...(payload === undefined ? {} : { edit: { payload } }) },
      );
      if (ids.length === 0) {
        return {
          ...{ id, topic: letter.topic, retried: false, published: true },
          reason: 'It was sent back before and has not come again.',
        };
      }
      const published = await publish(outbox);
      return reply.status(202).send({ id, topic: letter.topic, retried: true, published });
    },
  );

  app.post(
    '/v1/dead-letters/retry',
    {
      config: needs('admin', 'the fleet'),
      schema: {
        tags: ['dead letters'],
        operationId: 'retryDeadLetters',
        summary: 'Send all waiting dead letters that match back to their topics; `dryRun` only counts them',
        security: withKey,
        body: retryFilter,
        response: { 200: retryManyAnswer, 202: retryManyAnswer, ...faults },
      },
    },
    async (request, reply) => {
      const { dryRun, ...filter } = request.body;
      const counts = [...(await countWaiting(pool, filter))];
      const sum = (areReadable: boolean): number =>
        counts.reduce((total, [topic, count]) => total + (readable.has(topic) === areReadable ? count : 0), 0);
      const matched = sum(true);
      const unreadable = sum(false);
      if (dryRun) return { dryRun, matched, retried: 0, published: true, unreadable, remaining: matched };
      let retried = 0;
      let published = true;
      for (let isDone = false; !isDone && retried < perCall && published;) {
        const step = await replayLetters(pool, filter, { topics: [...readable.keys()], limit: perStep, ownMs });
        published = await publish(step.outbox);
        retried += step.ids.length;
        isDone = step.ids.length < perStep;
      }
      const remaining = [...(await countWaiting(pool, filter))].reduce(
        (total, [topic, count]) => total + (readable.has(topic) ? count : 0),
        0,
      );
      return reply.status(202).send({ dryRun, matched, retried, published, unreadable, remaining });
    },
  );

  app.delete(
    '/v1/dead-letters/:id',
    {
      config: needs('admin', 'the fleet'),
      schema: {
        tags: ['dead letters'],
        operationId: 'discardDeadLetter',
        summary: 'Discard a dead letter: its payload is gone for good',
        security: withKey,
        params: letterId,
        response: { 204: z.null(), ...faults },
      },
    },
    async (request, reply) => {
      if ((await discardLetters(pool, { ids: [request.params.id] })) === 0) throw notFound('dead letter');
      return reply.status(204).send(null);
    },
  );
};

import type { Readable } from 'node:stream';
import { acceptedEvents, domainEventList } from '../../../../shared/contracts/domains-api.ts';
import { createEventReader, type ReadEvents } from '../../read-events.ts';
import { needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const bodyLimit = 10_485_760;
const mediaTypes = [
  'application/json',
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'text/plain',
];

// What is too much is read away: whoever is still writing when the connection closes never reads the answer.
const readBody = async (payload: Readable): Promise<ReadEvents> => {
  const reader = createEventReader();
  let bytes = 0;
  for await (const chunk of payload as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bodyLimit) reader.push(chunk);
  }
  if (bytes > bodyLimit) {
    throw new HttpProblem(413, 'Too large', { detail: `A body may have ${bodyLimit} bytes here.` });
  }
  return reader.end();
};

const refusal = ({ bad, badCount }: ReadEvents): HttpProblem => {
  const isMalformed = bad.some((fault) => fault.isMalformed);
  return new HttpProblem(
    isMalformed ? 400 : 422,
    isMalformed ? 'Malformed request' : 'The request cannot be processed',
    {
      detail:
        badCount > bad.length
          ? `${badCount} lines are wrong, of which the first ${bad.length} are named. Nothing was counted.`
          : 'Nothing was counted.',
      errors: bad.map(({ line, detail }) => ({ pointer: `/${line - 1}`, detail: `line ${line}: ${detail}` })),
    },
  );
};

const isRead = (body: unknown): body is ReadEvents => typeof body === 'object' && body !== null && 'sums' in body;

/** `POST /v1/delivery-events`: many deliveries and bounces at once, NDJSON or a JSON array; all of them or none. */
export const deliveryEventRoutes = (app: RouteApp, context: IngressContext): void => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(mediaTypes, (_request: unknown, payload: Readable) => readBody(payload));

  app.post(
    '/v1/delivery-events',
    {
      config: needs('send', "the fleet's account"),
      bodyLimit,
      // What the parser has read is judged already.
      validatorCompiler: () => (value: unknown) => ({ value }),
      schema: {
        tags: ['domains'],
        operationId: 'addDeliveryEvents',
        summary: 'Counts many deliveries and bounces',
        description: `NDJSON or a JSON array, ${bodyLimit} bytes at most. A line that is wrong is named by its number, and then nothing is counted.`,
        security: withKey,
        body: domainEventList,
        response: {
          202: acceptedEvents,
          400: problemSchema,
          413: problemSchema,
          415: problemSchema,
          422: problemSchema,
          503: problemSchema,
        },
      },
    },
    async (request, reply) => {
      const body: unknown = request.body;
      if (!isRead(body)) throw new HttpProblem(400, 'Malformed request', { detail: 'There is no body.' });
      if (body.badCount > 0) throw refusal(body);
      await context.domainEvents.publish(body.sums);
      for (const type of ['delivered', 'bounced'] as const) context.requestStats.events(type, body.sums.total(type));
      return reply.status(202).send({ accepted: body.sums.size });
    },
  );
};

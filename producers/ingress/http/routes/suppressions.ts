import { Readable } from 'node:stream';
import { validatorCompiler } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  listName,
  newSuppressions,
  suppressionListAnswer,
  suppressionReasons,
  suppressionsAddedAnswer,
  suppressionsRemovedAnswer,
  type SuppressionAnswer,
} from '../../../../shared/contracts/suppressions-api.ts';
import { addressText } from '../../../../shared/contracts/address-text.ts';
import {
  addSuppressions,
  listSuppressions,
  removeSuppressions,
  type StoredSuppression,
  type SuppressionFilter,
} from '../../../../shared/db/suppressions.ts';
import { parseAddress } from '../../../../shared/domain/email-address.ts';
import { publicMessageId } from '../../../../shared/domain/request-ids.ts';
import { scopeOf } from '../../../../shared/domain/suppression.ts';
import { exportSuppressions, importSuppressions } from '../../suppressions-csv.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const csvBytes = 20_971_520;
const tags = ['consent'];
const faults = { 400: problemSchema, 404: problemSchema, 413: problemSchema, 422: problemSchema };
const isCsv = (type: string | undefined): boolean => /^text\/csv\b/i.test(type ?? '');

const shown = ({ createdAt, list, messageId, ...rest }: StoredSuppression): SuppressionAnswer => ({
  ...rest,
  list: list === '' ? null : list,
  messageId: messageId === null ? null : publicMessageId(messageId),
  createdAt: createdAt.toISOString(),
});

const emailOf = (text: string, pointer: string): string => {
  const address = parseAddress(text);
  if (address !== undefined) return address.email;
  throw new HttpProblem(422, 'The request cannot be processed', {
    errors: [{ pointer, detail: 'is not one valid email address' }],
  });
};

const csvFile = z.custom<string | Readable>().meta({ type: 'string' });
const which = { reason: z.enum(suppressionReasons).optional(), list: listName.optional() };

/** `/v1/suppressions`: whom an account does not mail, whatever the ESP; its own rows alone. */
export const suppressionRoutes = (app: RouteApp, { pool }: IngressContext): void => {
  app.addContentTypeParser('text/csv', (_request, payload, done) => {
    done(null, payload);
  });

  app.get(
    '/v1/suppressions',
    {
      config: needs('read'),
      schema: {
        tags,
        operationId: 'listSuppressions',
        summary: 'Whom the account does not mail, newest first',
        description: 'With `Accept: text/csv` all that match come as a file, whatever the limit.',
        security: withKey,
        querystring: z.strictObject({
          email: addressText.optional(),
          ...which,
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          after: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
        }),
        response: {
          200: {
            content: {
              'application/json': { schema: suppressionListAnswer },
              'text/csv': { schema: csvFile },
            },
          },
          ...faults,
        },
      },
    },
    async (request, reply) => {
      const { accountId } = callerOf(request);
      const { email, ...query } = request.query;
      const filter = { ...query, email: email === undefined ? undefined : emailOf(email, '/querystring/email') };
      if (/\btext\/csv\b/i.test(request.headers.accept ?? '')) {
        return reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="suppressions.csv"')
          .send(Readable.from(exportSuppressions(pool, accountId, filter)));
      }
      const rows = await listSuppressions(pool, accountId, filter);
      return reply
        .type('application/json')
        .send({ data: rows.slice(0, query.limit).map(shown), hasMore: rows.length > query.limit });
    },
  );

  app.post(
    '/v1/suppressions',
    {
      config: needs('send'),
      bodyLimit: csvBytes,
      onRequest: (request, _reply, next) => {
        // A file may be larger than other bodies.
        const { 'content-type': type, 'content-length': length = '0' } = request.headers;
        const most = app.initialConfig.bodyLimit ?? csvBytes;
        const isTooLarge = !isCsv(type) && Number(length) > most;
        next(
          isTooLarge ? new HttpProblem(413, 'Too large', { detail: `A body may have ${most} bytes here.` }) : undefined,
        );
      },
      validatorCompiler: (route) => {
        // The body is all that this route has a schema of.
        const usual = validatorCompiler({ ...route, schema: newSuppressions });
        return (data: unknown) => (data instanceof Readable ? { value: data } : usual(data));
      },
      schema: {
        tags,
        operationId: 'addSuppressions',
        summary: 'Mail these addresses no more',
        description:
          'One, up to 10,000 as `suppressions`, or a CSV file (`Content-Type: text/csv`, up to 20 MiB, columns `email`, `list`, `reason`), whose good lines are taken whatever the others hold. What is there already is no fault.',
        security: withKey,
        body: newSuppressions,
        response: { 200: suppressionsAddedAnswer, ...faults },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const body: unknown = request.body;
      if (body instanceof Readable) return importSuppressions(pool, accountId, body, csvBytes);
      const given = 'suppressions' in request.body ? request.body.suppressions : [request.body];
      const isOne = !('suppressions' in request.body);
      const entries = given.map(({ email, list = null, reason = 'manual' }, index) => ({
        ...{ accountId, reason, list: list ?? '', scope: scopeOf(reason, list, undefined) },
        email: emailOf(email, isOne ? '/email' : `/suppressions/${index}/email`),
      }));
      const added = await addSuppressions(pool, entries);
      return { received: entries.length, added, rejected: 0, errors: [] };
    },
  );

  const remove = async (accountId: string, email: string, filter: SuppressionFilter) => {
    const removed = await removeSuppressions(pool, accountId, { ...filter, email });
    if (removed === 0) throw notFound('suppression');
    return { removed };
  };
  const description =
    'All of the address, or those with this reason or of this list. Mail that was kept back stays unsent.';

  app.delete(
    '/v1/suppressions',
    {
      config: needs('admin'),
      schema: {
        tags,
        operationId: 'removeSuppressions',
        summary: 'Let an address be mailed again',
        description,
        security: withKey,
        querystring: z.strictObject({ email: addressText, ...which }),
        response: { 200: suppressionsRemovedAnswer, ...faults },
      },
    },
    (request) => {
      const { email, ...filter } = request.query;
      return remove(callerOf(request).accountId, emailOf(email, '/querystring/email'), filter);
    },
  );

  app.delete(
    '/v1/suppressions/:email',
    {
      config: needs('admin'),
      schema: {
        tags,
        operationId: 'removeSuppressionsOf',
        summary: 'The same, with the address in the path',
        description,
        security: withKey,
        params: z.object({ email: addressText }),
        querystring: z.strictObject(which),
        response: { 200: suppressionsRemovedAnswer, ...faults },
      },
    },
    (request) => remove(callerOf(request).accountId, emailOf(request.params.email, '/params/email'), request.query),
  );
};

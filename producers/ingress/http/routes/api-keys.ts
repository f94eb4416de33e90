import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { keyListAnswer, madeKeyAnswer, newKey, type ApiKey } from '../../../../shared/contracts/accounts-api.ts';
import { storableText, utc } from '../../../../shared/contracts/text.ts';
import { insertKey, listKeys, revokeKey, type StoredKey } from '../../../../shared/db/api-keys.ts';
import { makeKey } from '../../../../shared/domain/api-key.ts';
import { isFleetAdmin, type Caller } from '../../check-key.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const config = needs('admin');
const faults = { 400: problemSchema, 404: problemSchema, 422: problemSchema };
const ofAccount = storableText(128)
  .optional()
  .meta({ description: 'Another account than one’s own: for administrators of the fleet.' });

const shown = ({ scopes, createdAt, expiresAt, lastUsedAt, revokedAt, ...key }: StoredKey): ApiKey => ({
  ...key,
  scopes: [...scopes],
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt?.toISOString() ?? null,
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
  revokedAt: revokedAt?.toISOString() ?? null,
});

/** The account whose keys are meant: to anybody but the fleet's administrators all others are none. */
const accountOf = (caller: Caller, named: string | undefined): string => {
  if (named === undefined || named === caller.accountId) return caller.accountId;
  if (!isFleetAdmin(caller)) throw notFound('account');
  return named;
};

/** `/v1/api-keys`: an account's keys. A key is shown when it is made, and never again. */
export const apiKeyRoutes = (app: RouteApp, { pool, newId }: IngressContext): void => {
  const tags = ['accounts'];

  app.post(
    '/v1/api-keys',
    {
      config,
      schema: {
        tags,
        operationId: 'createApiKey',
        summary: 'Make a key; this answer alone shows it',
        description: 'A key can be given no scope that the key which makes it lacks.',
        security: withKey,
        body: newKey,
        response: { 201: madeKeyAnswer, ...faults, 409: problemSchema },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { name, scopes, expiresAt } = request.body;
      const errors = scopes.flatMap((scope, index) =>
        caller.scopes.includes(scope)
          ? []
          : [{ pointer: `/scopes/${index}`, detail: 'cannot be given by a key that lacks it' }],
      );
      if (errors.length > 0) throw new HttpProblem(422, 'The request cannot be processed', { errors });
      if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()) {
        throw new HttpProblem(409, 'Already past', {
          errors: [{ pointer: '/expiresAt', detail: 'is not in the future' }],
        });
      }
      const { key, ...parts } = makeKey(randomBytes);
      const stored = await insertKey(pool, {
        ...parts,
        id: newId('key_'),
        accountId: accountOf(caller, request.body.accountId),
        name,
        scopes: [...new Set(scopes)],
        expiresAt: utc(expiresAt) ?? null,
      });
      if (stored === undefined) throw notFound('open account');
      // Nothing between us and the caller may keep it.
      return reply
        .status(201)
        .header('cache-control', 'no-store')
        .send({ ...shown(stored), key });
    },
  );

  app.get(
    '/v1/api-keys',
    {
      config,
      schema: {
        tags,
        operationId: 'listApiKeys',
        summary: 'The keys of the account, newest first, without the keys themselves',
        security: withKey,
        querystring: z.strictObject({
          accountId: ofAccount,
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          after: storableText(128).optional(),
        }),
        response: { 200: keyListAnswer, ...faults },
      },
    },
    async (request) => {
      const { accountId, limit, after } = request.query;
      const found = await listKeys(pool, accountOf(callerOf(request), accountId), after, limit);
      return { data: found.slice(0, limit).map(shown), hasMore: found.length > limit };
    },
  );

  app.delete(
    '/v1/api-keys/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'revokeApiKey',
        summary: 'Revoke a key: within five seconds no process takes it',
        security: withKey,
        params: z.object({ id: storableText(128) }),
        querystring: z.strictObject({ accountId: ofAccount }),
        response: { 204: z.null(), ...faults },
      },
    },
    async (request, reply) => {
      const accountId = accountOf(callerOf(request), request.query.accountId);
      if (!(await revokeKey(pool, accountId, request.params.id))) throw notFound('key');
      return reply.status(204).send(null);
    },
  );
};

import { z } from 'zod';
import {
  accountAnswer,
  accountChange,
  accountListAnswer,
  newAccount,
} from '../../../../shared/contracts/accounts-api.ts';
import { storableText } from '../../../../shared/contracts/text.ts';
import {
  changeAccount,
  closeAccount,
  insertAccount,
  listAccounts,
  loadAccount,
  type Account,
} from '../../../../shared/db/accounts.ts';
import { adminAccountId } from '../../../../shared/domain/account.ts';
import { normaliseSenderDomain } from '../../../../shared/domain/sender-domain.ts';
import { needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const config = needs('admin', 'the fleet');
const params = z.object({ id: storableText(128) });
const faults = { 400: problemSchema, 404: problemSchema, 409: problemSchema, 422: problemSchema };

const shown = ({ senderDomains, createdAt, closedAt, limits, ...account }: Account) => ({
  ...account,
  senderDomains: [...senderDomains],
  limits: { ...limits },
  createdAt: createdAt.toISOString(),
  closedAt: closedAt?.toISOString() ?? null,
});

const normalised = (senderDomains: readonly string[]): string[] => {
  const errors: { pointer: string; detail: string }[] = [];
  const domains = senderDomains.map((text, index) => {
    const domain = normaliseSenderDomain(text);
    const pointer = `/senderDomains/${index}`;
    if (domain === undefined)
      errors.push({ pointer, detail: 'is neither a domain such as acme.example nor *.acme.example' });
    if (domain === '*') errors.push({ pointer, detail: 'is kept for the account of the administrators' });
    return domain ?? text;
  });
  if (errors.length > 0) throw new HttpProblem(422, 'The request cannot be processed', { errors });
  return [...new Set(domains)];
};

/** `/v1/accounts`: who may send, from which domains and how much; for the administrators of the fleet. */
export const accountRoutes = (app: RouteApp, { pool, newId }: IngressContext): void => {
  const tags = ['accounts'];

  app.post(
    '/v1/accounts',
    {
      config,
      schema: {
        tags,
        operationId: 'createAccount',
        summary: 'Make an account',
        security: withKey,
        body: newAccount,
        response: { 201: accountAnswer, ...faults },
      },
    },
    async (request, reply) => {
      const { id = newId('acc_'), name, senderDomains, limits } = request.body;
      const made = await insertAccount(pool, { id, name, senderDomains: normalised(senderDomains), limits });
      if (made === undefined) {
        throw new HttpProblem(409, 'Already so', {
          detail: `There is or was an account ${id}; ids are not used twice.`,
        });
      }
      return reply.status(201).header('location', `/v1/accounts/${id}`).send(shown(made));
    },
  );

  app.get(
    '/v1/accounts',
    {
      config,
      schema: {
        tags,
        operationId: 'listAccounts',
        summary: 'Accounts, by id',
        security: withKey,
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          after: storableText(128).default(''),
        }),
        response: { 200: accountListAnswer, 400: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const { limit, after } = request.query;
      const found = await listAccounts(pool, after, limit);
      return { data: found.slice(0, limit).map(shown), hasMore: found.length > limit };
    },
  );

  app.get(
    '/v1/accounts/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'getAccount',
        summary: 'One account',
        security: withKey,
        params,
        response: { 200: accountAnswer, 404: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const account = await loadAccount(pool, request.params.id);
      if (account === undefined) throw notFound('account');
      return shown(account);
    },
  );

  app.patch(
    '/v1/accounts/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'updateAccount',
        summary: 'Change what an account may do',
        description: 'What is not named stays. It holds in every process within five seconds.',
        security: withKey,
        params,
        body: accountChange,
        response: { 200: accountAnswer, ...faults },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { senderDomains, ...change } = request.body;
      if (id === adminAccountId && senderDomains !== undefined) {
        throw new HttpProblem(409, 'Not possible', { detail: 'The administrators always send from every domain.' });
      }
      const account = await changeAccount(pool, id, {
        ...change,
        senderDomains: senderDomains === undefined ? undefined : normalised(senderDomains),
      });
      if (account === undefined) throw notFound('open account');
      return shown(account);
    },
  );

  app.delete(
    '/v1/accounts/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'closeAccount',
        summary: 'Close an account for good, and revoke its keys',
        security: withKey,
        params,
        response: { 204: z.null(), 404: problemSchema, 409: problemSchema, 422: problemSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (id === adminAccountId) {
        throw new HttpProblem(409, 'Not possible', { detail: 'The account of the administrators stays open.' });
      }
      if (!(await closeAccount(pool, id))) throw notFound('account');
      return reply.status(204).send(null);
    },
  );
};

import { sendersAnswer } from '../../../../shared/contracts/routing-api.ts';
import { loadSenders } from '../../../../shared/db/sender-statistics.ts';
import { judgeComplaints } from '../../../../shared/domain/complaint-guard.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const mostSenders = 1_000;

/** `GET /v1/senders`: what is complained about of an account's mail, and what is done about it. */
export const senderRoutes = (app: RouteApp, { pool }: IngressContext): void => {
  app.get(
    '/v1/senders',
    {
      config: needs('read'),
      schema: {
        tags: ['routing'],
        operationId: 'listSenders',
        summary: 'Complaints by sending domain and mailbox provider, and whether its bulk mail is slowed',
        security: withKey,
        response: { 200: sendersAnswer, 401: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const senders = await loadSenders(pool, accountId, mostSenders);
      return {
        data: senders.map((sender) => ({
          domain: sender.senderDomain,
          mailboxProvider: sender.mailboxProvider,
          delivered: sender.delivered,
          complained: sender.complained,
          ...judgeComplaints(sender),
        })),
      };
    },
  );
};

import { auditAnswer, auditQuery } from '../../../../shared/contracts/audit-api.ts';
import { countPeriod, type PeriodCount } from '../../../../shared/db/completeness.ts';
import { balanceOf, isBalanced } from '../../../../shared/domain/completeness.ts';
import type { MessageState } from '../../../../shared/domain/message-state.ts';
import { isFleetAdmin } from '../../check-key.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const longestMs = 31 * 86_400_000;

const statesOf = (rows: PeriodCount['rows']): Partial<Record<MessageState, number>> => {
  const states: Partial<Record<MessageState, number>> = {};
  for (const { status, count } of rows) states[status] = (states[status] ?? 0) + count;
  return states;
};

const byEspOf = (rows: PeriodCount['rows']) =>
  [...new Set(rows.map(({ esp }) => esp))].sort().map((esp) => {
    const own = rows.filter((row) => row.esp === esp);
    const messages = own.reduce((sum, { count }) => sum + count, 0);
    const { sent, suppressed, failed, cancelled, pending } = balanceOf(messages, statesOf(own));
    return { esp, messages, sent, suppressed, failed, cancelled, pending };
  });

/** `GET /v1/audit`: what became of everything that was accepted in a period, as one sum. */
export const auditRoutes = (app: RouteApp, context: IngressContext): void => {
  app.get(
    '/v1/audit',
    {
      config: needs('read'),
      schema: {
        tags: ['messages'],
        operationId: 'auditPeriod',
        summary: 'Whether everything that was accepted in a period is accounted for',
        description:
          'accepted = sent + suppressed + failed + cancelled + pending, in all and by the ESP of the latest attempt. Of a longer period than 31 days the last 31 are looked at, and `cut` is true.',
        security: withKey,
        querystring: auditQuery,
        response: { 200: auditAnswer, 400: problemSchema, 401: problemSchema, 404: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const until = request.query.until === undefined ? new Date() : new Date(request.query.until);
      const earliest = until.getTime() - longestMs;
      const wanted = new Date(request.query.since);
      const cut = wanted.getTime() < earliest;
      const since = cut ? new Date(earliest) : wanted;
      const seesAll = isFleetAdmin(caller);
      const accountId = seesAll ? request.query.accountId : caller.accountId;
      if (!seesAll && (request.query.accountId ?? caller.accountId) !== caller.accountId) {
        throw new HttpProblem(404, 'Not found', { detail: 'There is no such account.' });
      }
      const counted = await countPeriod(context.pool, { since, until, accountId });
      const states = statesOf(counted.rows);
      const balance = balanceOf(counted.accepted, states);
      return {
        since: since.toISOString(),
        until: until.toISOString(),
        cut,
        accountId: accountId ?? null,
        requests: counted.requests,
        ...balance,
        balanced: isBalanced(balance) && counted.uneven.every(({ total, rows }) => rows <= total),
        duplicatesSuspected: counted.duplicatesSuspected,
        states,
        byEsp: byEspOf(counted.rows),
        uneven: counted.uneven.map((request) => ({ ...request })),
      };
    },
  );
};

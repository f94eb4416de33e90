import { z } from 'zod';
import {
  newSchedule,
  scheduleAnswer,
  scheduleChange,
  scheduleListAnswer,
} from '../../../../shared/contracts/schedules-api.ts';
import { storableText } from '../../../../shared/contracts/text.ts';
import {
  changeSchedule,
  deleteSchedule,
  insertSchedule,
  listSchedules,
  loadRuns,
  loadSchedule,
  type Schedule,
} from '../../../../shared/db/schedules.ts';
import { nextRuns } from '../../../../shared/domain/next-run.ts';
import { checkScheduledMail, checkTimes } from '../../check-schedule.ts';
import { invalid } from '../../refusal.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { notFound, problemSchema } from '../problem.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const params = z.object({ id: storableText(128).min(1) });
const shownRuns = 10;
const shownNext = 5;

const summaryOf = (schedule: Schedule) => ({
  id: schedule.id,
  name: schedule.name,
  cron: schedule.cron,
  zone: schedule.zone,
  state: schedule.isPaused ? ('paused' as const) : schedule.nextAt === null ? ('over' as const) : ('active' as const),
  content: schedule.contentType,
  subscriber: schedule.subscriber,
  from: schedule.email.from,
  recipients: schedule.email.recipients.length,
  nextRunAt: schedule.nextAt?.toISOString() ?? null,
  createdAt: schedule.createdAt.toISOString(),
});

/** `/v1/schedules`: mail that is sent again and again, and what subscribers get. */
export const scheduleRoutes = (app: RouteApp, context: IngressContext): void => {
  const { pool } = context;
  const found = (schedule: Schedule | undefined): Schedule => {
    if (schedule === undefined) throw notFound('schedule');
    return schedule;
  };
  const detailsOf = async (schedule: Schedule) => {
    const { nextAt } = schedule;
    // The stored time comes first: it may be due already.
    const later = nextAt === null ? [] : nextRuns(schedule.cron, schedule.zone, nextAt, shownNext - 1);
    const runs = await loadRuns(pool, schedule.id, shownRuns);
    return {
      ...summaryOf(schedule),
      nextRuns: nextAt === null ? [] : [nextAt, ...later].map((at) => at.toISOString()),
      runs: runs.map(({ dueAt, firedAt, ...run }) => ({
        ...run,
        dueAt: dueAt.toISOString(),
        firedAt: firedAt.toISOString(),
      })),
    };
  };

  app.get(
    '/v1/schedules',
    {
      config: needs('read'),
      schema: {
        tags: ['schedules'],
        operationId: 'listSchedules',
        summary: 'Schedules and subscriptions, by id',
        security: withKey,
        querystring: z.strictObject({
          subscriber: storableText(320).optional(),
          after: storableText(128).optional(),
          limit: z.coerce.number().int().min(1).max(500).default(100),
        }),
        response: { 200: scheduleListAnswer, 400: problemSchema },
      },
    },
    async (request) => {
      const { subscriber, after = '', limit } = request.query;
      const { accountId } = callerOf(request);
      const listed = await listSchedules(pool, accountId, { after, subscriber: subscriber?.toLowerCase(), limit });
      return { data: listed.slice(0, limit).map(summaryOf), hasMore: listed.length > limit };
    },
  );

  app.post(
    '/v1/schedules',
    {
      config: needs('send'),
      bodyLimit: Math.floor((context.maxMessageBytes * 4) / 3) + 10_485_760,
      schema: {
        tags: ['schedules'],
        operationId: 'createSchedule',
        summary: 'Send something again and again',
        description:
          'Either an email, as `POST /v1/emails` takes it, or the name of content that is read each time. Each period is sent once; after an outage one run makes up for all that were missed.',
        security: withKey,
        body: newSchedule,
        response: { 201: scheduleAnswer, 404: problemSchema, 413: problemSchema },
      },
    },
    async (request, reply) => {
      const { name = '', cron, zone = 'UTC', ...what } = request.body;
      const caller = callerOf(request);
      checkTimes(cron, zone, new Date());
      const mail = await checkScheduledMail(context, caller, what);
      if (mail === undefined) throw invalid([{ pointer: '/email', detail: 'is required when there is no content' }]);
      const id = context.newId('sch_');
      const schedule = await insertSchedule(pool, { id, accountId: caller.accountId, name, cron, zone, ...mail });
      return reply
        .status(201)
        .header('location', `/v1/schedules/${id}`)
        .send(await detailsOf(schedule));
    },
  );

  app.get(
    '/v1/schedules/:id',
    {
      config: needs('read'),
      schema: {
        tags: ['schedules'],
        operationId: 'getSchedule',
        summary: 'A schedule with its next and last runs',
        security: withKey,
        params,
        response: { 200: scheduleAnswer, 404: problemSchema },
      },
    },
    async (request) => detailsOf(found(await loadSchedule(pool, callerOf(request).accountId, request.params.id))),
  );

  app.patch(
    '/v1/schedules/:id',
    {
      config: needs('send'),
      bodyLimit: Math.floor((context.maxMessageBytes * 4) / 3) + 10_485_760,
      schema: {
        tags: ['schedules'],
        operationId: 'changeSchedule',
        summary: 'Change when it runs, or what it sends',
        security: withKey,
        params,
        body: scheduleChange,
        response: { 200: scheduleAnswer, 404: problemSchema, 413: problemSchema },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const before = found(await loadSchedule(pool, caller.accountId, request.params.id));
      const { name, cron, zone, ...what } = request.body;
      checkTimes(cron ?? before.cron, zone ?? before.zone, new Date());
      const mail = await checkScheduledMail(context, caller, what);
      return detailsOf(found(await changeSchedule(pool, caller.accountId, before.id, { name, cron, zone, ...mail })));
    },
  );

  app.delete(
    '/v1/schedules/:id',
    {
      config: needs('send'),
      schema: {
        tags: ['schedules'],
        operationId: 'deleteSchedule',
        summary: 'End a schedule or subscription; what it has sent stays',
        security: withKey,
        params,
        response: { 204: z.null().meta({ description: 'It is gone.' }), 404: problemSchema },
      },
    },
    async (request, reply) => {
      if (!(await deleteSchedule(pool, callerOf(request).accountId, request.params.id))) throw notFound('schedule');
      return reply.status(204).send(null);
    },
  );

  for (const command of ['pause', 'resume'] as const) {
    app.post(
      `/v1/schedules/:id/${command}`,
      {
        config: needs('send'),
        schema: {
          tags: ['schedules'],
          operationId: `${command}Schedule`,
          summary: command === 'pause' ? 'Send nothing until it is resumed' : 'Go on with the next time from now',
          security: withKey,
          params,
          response: { 200: scheduleAnswer, 404: problemSchema },
        },
      },
      async (request) => {
        const isPaused = command === 'pause';
        const { accountId } = callerOf(request);
        return detailsOf(found(await changeSchedule(pool, accountId, request.params.id, { isPaused })));
      },
    );
  }
};

import type { z } from 'zod';
import {
  pongAnswer,
  task,
  taskAnswer,
  taskContent,
  taskCountsAnswer,
  taskFault,
  taskGuess,
  taskGuessAnswer,
} from '../../../../shared/contracts/tasks.ts';
import { changeContent, loadContent, putContent } from '../../../../shared/db/contents.ts';
import { countTasks } from '../../../../shared/db/tasks.ts';
import { parseAddress } from '../../../../shared/domain/email-address.ts';
import { fleetSender } from '../../../../shared/domain/fleet-sender.ts';
import { admitRecipients } from '../../caller-limits.ts';
import { verifyCode } from '../../one-time-codes.ts';
import { Refusal } from '../../refusal.ts';
import { callerOf, open, taskRoute } from '../access.ts';
import { answerTaskFault } from '../answer-task-fault.ts';
import type { IngressContext } from '../ingress-context.ts';
import { readAnyAsJson } from '../read-any-as-json.ts';
import { withKey, type RouteApp } from '../route-app.ts';

/** A body that was checked. Throws what is answered as 400, with the first fault. */
export const readTaskBody = <Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> => {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue?.path.join('.') ?? '';
  throw new Refusal('invalid', `${at === '' ? 'The body' : at}: ${issue?.message ?? 'is not valid'}`);
};

/** What the schemas of these routes say is for the document; bodies are read by `readTaskBody`. */
export const unchecked = () => (value: unknown) => ({ value });

const refused = { 400: taskFault, 401: taskFault, 403: taskFault, 429: taskFault, 503: taskFault };

/** The task queue's routes (`contract` §4): tasks, codes and content. */
export const taskRoutes = (app: RouteApp, context: IngressContext): void => {
  const { pool, publisher, topics } = context;
  readAnyAsJson(app);
  app.setErrorHandler((error: Error, request, reply) => void answerTaskFault(error, request, reply));
  app.setValidatorCompiler(unchecked);

  for (const [path, operationId] of [
    ['/task', 'enqueueTask'],
    ['/task/', 'enqueueTaskAtRoot'],
    ['/task/task', 'enqueueTaskAtTask'],
  ] as const) {
    app.post(
      path,
      {
        config: taskRoute('send'),
        schema: {
          tags: ['seeds'],
          operationId,
          summary: 'Queue a task: a message, a one-time code, a subscription or its end',
          security: withKey,
          body: task,
          response: { 200: taskAnswer, ...refused },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const { accountId } = caller;
        const asked = readTaskBody(task, request.body);
        if (parseAddress(asked.payload.userId) === undefined)
          throw new Refusal('invalid', 'payload.userId: is not one valid email address');
        if (asked.type !== 'unsubscribe' && fleetSender(caller.senderDomains, context.codes.mailFrom) === undefined)
          throw new Refusal('invalid', 'The account has no sender domain, and MAIL_FROM is not set.');
        if (asked.type === 'subscribe' || asked.type === 'unsubscribe') {
          const { content_type: contentType } = asked.payload;
          const brings =
            asked.type === 'subscribe' && asked.payload.subject !== undefined && asked.payload.content !== undefined;
          if (!brings && (await loadContent(pool, accountId, contentType)) === undefined)
            throw new Refusal('invalid', "Content Type doesn't exist");
        }
        if (asked.type === 'message' || asked.type === 'generateOtp')
          await admitRecipients(context.rateLimits, caller, 1);
        const id = context.newId('task_');
        const value = JSON.stringify({ ...asked, id, accountId });
        await publisher.publish([{ topic: topics.tasks.name, key: id, value }], 'usual');
        return { status: true, msg: 'Task enqueued successfully' };
      },
    );
  }

  app.post(
    '/task/verify',
    {
      config: taskRoute('send'),
      schema: {
        tags: ['seeds'],
        operationId: 'verifyTaskCode',
        summary: 'Check a one-time code of a task',
        security: withKey,
        body: taskGuess,
        response: { 200: taskGuessAnswer, ...refused },
      },
    },
    async (request) => {
      const { userEmail, otp } = readTaskBody(taskGuess, request.body);
      const { result } = await verifyCode(context, callerOf(request), { email: userEmail, code: otp });
      return { type: 'otp verification' as const, verified: result === 'right' };
    },
  );

  for (const method of ['POST', 'PUT'] as const) {
    app.route({
      method,
      url: '/task/subscriptionContent',
      config: taskRoute('send'),
      schema: {
        tags: ['seeds'],
        operationId: method === 'POST' ? 'createTaskContent' : 'updateTaskContent',
        summary: method === 'POST' ? 'Store named content for subscriptions' : 'Change content that is there',
        security: withKey,
        body: taskContent,
        response: { 200: taskAnswer, ...refused },
      },
      handler: async (request, reply) => {
        const { accountId } = callerOf(request);
        const { content_type: contentType, subject, content } = readTaskBody(taskContent, request.body);
        if (method === 'POST') {
          await putContent(pool, accountId, contentType, { subject, content });
          return reply.send({ status: true, msg: 'Content type created successfully' });
        }
        const isThere = await changeContent(pool, accountId, contentType, { subject, content });
        return isThere
          ? reply.send({ status: true, msg: 'Content type updated successfully' })
          : reply
              .status(400)
              .send({ status: false, error: "Content Type doesn't exist", msg: "Content Type doesn't exist" });
      },
    });
  }

  app.get(
    '/health/ping',
    {
      config: open,
      schema: { tags: ['seeds'], operationId: 'ping', summary: 'Whether it is there', response: { 200: pongAnswer } },
    },
    () => ({ message: 'pong' as const }),
  );

  app.get(
    '/health/metrics',
    {
      config: open,
      schema: {
        tags: ['seeds'],
        operationId: 'getTaskCounts',
        summary: 'How many tasks have ended, and how',
        response: { 200: taskCountsAnswer, 503: taskFault },
      },
    },
    async () => {
      const { executed, successful, failed } = await countTasks(pool);
      return {
        status: true as const,
        'Total Jobs Executed': executed,
        'Jobs Successful': successful,
        'Jobs Failed': failed,
      };
    },
  );
};

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { signUpAnswer, signUpId, signUpRequest, taskAnswer, taskFault } from '../../../../shared/contracts/tasks.ts';
import { activateSignUp, endSignUp, listPending } from '../../../../shared/db/sign-ups.ts';
import { authenticate } from '../../admit.ts';
import { orTooMany } from '../../caller-limits.ts';
import { isFleetAdmin } from '../../check-key.ts';
import { Refusal } from '../../refusal.ts';
import { addressGroup } from '../../remote-address.ts';
import { looksLikeToken } from '../../sign-up-keys.ts';
import { deregister, signUpFor } from '../../sign-ups.ts';
import { needs, open } from '../access.ts';
import { answerTaskFault } from '../answer-task-fault.ts';
import { askingOf, isOpenTo, keyOf } from '../authenticate.ts';
import type { IngressContext } from '../ingress-context.ts';
import { notFound, problemSchema } from '../problem.ts';
import { readAnyAsJson } from '../read-any-as-json.ts';
import { withKey, type RouteApp } from '../route-app.ts';
import { confirmedPage, confirmingPage, deadLinkPage } from '../sign-up-page.ts';
import { readTaskBody, unchecked } from './tasks.ts';

const perMinute = 20;
const policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const shownPending = 500;

// The same for everybody, whether or not there is such an id.
const deregistered = {
  status: true,
  msg: 'If the id is signed up, its key is removed now, or once its mailbox has confirmed it.',
};

const answerPage = (reply: FastifyReply, status: number, html: string): FastifyReply =>
  reply
    .status(status)
    .headers({ 'content-security-policy': policy, 'cache-control': 'no-store', 'x-robots-tag': 'noindex' })
    .type('text/html; charset=utf-8')
    .send(html);

/** `/auth/signup`, `/auth/deregister` (`contract` §4), the links that confirm them, and what administrators see of sign-ups. */
export const signUpRoutes = (app: RouteApp, context: IngressContext): void => {
  const { pool, rateLimits } = context;

  const admitAddress = async (request: FastifyRequest): Promise<void> => {
    if (isOpenTo(request, context)) return;
    const bucket = `sign-ups:${addressGroup(request.ip)}`;
    orTooMany(await rateLimits.take(bucket, perMinute), 'Too many sign-ups came from this address.');
  };
  /** Whether a key of the fleet's administrators comes with it; a wrong one counts as a guess. */
  const isAdmins = async (request: FastifyRequest): Promise<boolean> => {
    const key = keyOf(request, true);
    if (key === undefined || looksLikeToken(key)) return false;
    try {
      return isFleetAdmin(await authenticate(askingOf(request, true), context));
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  };
  const onFault = (request: FastifyRequest) => (error: unknown) => {
    request.log.warn({ err: error }, 'a mail about a sign-up could not be sent');
  };

  void app.register((seed: RouteApp, _options: object, next: () => void) => {
    readAnyAsJson(seed);
    seed.setErrorHandler((error: Error, request, reply) => void answerTaskFault(error, request, reply));
    seed.setValidatorCompiler(unchecked);
    const refused = { 400: taskFault, 413: taskFault, 415: taskFault, 429: taskFault, 503: taskFault };

    seed.post(
      '/auth/signup',
      {
        config: open,
        schema: {
          tags: ['seeds'],
          operationId: 'signUp',
          summary: 'A key for the task queue; it works once the mailbox has confirmed it',
          body: signUpRequest,
          response: { 200: signUpAnswer, ...refused, 403: taskFault },
        },
      },
      async (request, reply) => {
        await admitAddress(request);
        const { id } = readTaskBody(signUpRequest, request.body);
        const isOpen = isOpenTo(request, context);
        const apiKey = await signUpFor(context, id, { isOpen, onFault: onFault(request) });
        return apiKey === undefined
          ? reply.status(400).send({ status: false, error: 'This id is signed up already; deregister it first.' })
          : reply.send({ apiKey });
      },
    );

    seed.post(
      '/auth/deregister',
      {
        config: open,
        schema: {
          tags: ['seeds'],
          operationId: 'deregister',
          summary: 'End the key of an id',
          description:
            "At once for the id's own key or an administrator's; for anybody else its mailbox is asked. The answer is always the same.",
          body: signUpRequest,
          response: { 200: taskAnswer, ...refused },
        },
      },
      async (request) => {
        await admitAddress(request);
        const { id } = readTaskBody(signUpRequest, request.body);
        const mayEndAny = isOpenTo(request, context) || (await isAdmins(request));
        await deregister(context, id, { mayEndAny, token: keyOf(request, true), onFault: onFault(request) });
        return deregistered;
      },
    );
    next();
  });

  void app.register((pages: RouteApp, _options: object, next: () => void) => {
    pages.removeAllContentTypeParsers();
    pages.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => {
      done(null, undefined);
    });
    const url = '/auth/confirm/:token';
    const config = { config: open, schema: { hide: true } };
    pages.get<{ Params: { token: string } }>(url, config, async (request, reply) => {
      const link = await context.signUpKeys?.readLink(request.params.token);
      return link === undefined
        ? answerPage(reply, 400, deadLinkPage())
        : answerPage(reply, 200, confirmingPage(link.purpose, link.id));
    });
    pages.post<{ Params: { token: string } }>(url, { ...config, bodyLimit: 16_384 }, async (request, reply) => {
      const link = await context.signUpKeys?.readLink(request.params.token);
      if (link === undefined) return answerPage(reply, 400, deadLinkPage());
      const change = link.purpose === 'confirm' ? activateSignUp : endSignUp;
      const isDone = await change(pool, link.id, link.keyId);
      context.signUpKeys?.forget(link.keyId);
      return isDone || link.purpose === 'deregister'
        ? answerPage(reply, 200, confirmedPage(link.purpose, link.id))
        : answerPage(reply, 400, deadLinkPage());
    });
    next();
  });

  app.get(
    '/v1/sign-ups',
    {
      config: needs('admin', 'the fleet'),
      schema: {
        tags: ['accounts'],
        operationId: 'listSignUps',
        summary: 'Sign-ups of the task queue that nobody has confirmed yet',
        security: withKey,
        response: { 200: z.object({ data: z.array(z.object({ id: z.string(), createdAt: z.string() })) }) },
      },
    },
    async () => {
      const pending = await listPending(pool, shownPending);
      return { data: pending.map(({ id, createdAt }) => ({ id, createdAt: createdAt.toISOString() })) };
    },
  );

  app.post(
    '/v1/sign-ups/:id/approve',
    {
      config: needs('admin', 'the fleet'),
      schema: {
        tags: ['accounts'],
        operationId: 'approveSignUp',
        summary: 'Let the key of an id work without its mailbox',
        security: withKey,
        params: z.object({ id: signUpId }),
        response: { 200: taskAnswer, 404: problemSchema },
      },
    },
    async (request) => {
      const id = request.params.id.toLowerCase();
      if (!(await activateSignUp(pool, id, undefined))) throw notFound('sign-up');
      return { status: true, msg: 'The key works now.' };
    },
  );
};

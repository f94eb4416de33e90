import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fastify, { LogController, type FastifyBaseLogger } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { open } from './access.ts';
import { limitBodies } from './body-budget.ts';
import { guardRoutes } from './guard-routes.ts';
import { finishDocument } from './finish-document.ts';
import type { IngressContext } from './ingress-context.ts';
import { createKnownPaths } from './known-paths.ts';
import { answerProblem, answerUnknownRoute } from './problem.ts';
import { readJson } from './read-json.ts';
import { answerUnread, refuseMethods } from './refuse-methods.ts';
import { accountRoutes } from './routes/accounts.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { deliveryEventRoutes } from './routes/delivery-events.ts';
import { domainRoutes } from './routes/domains.ts';
import { emailRoutes } from './routes/emails.ts';
import { espHistoryRoutes } from './routes/esp-history.ts';
import { espRoutes } from './routes/esps.ts';
import { healthRoutes } from './routes/health.ts';
import { messageRoutes } from './routes/messages.ts';
import { outgoingWebhookRoutes } from './routes/outgoing-webhooks.ts';
import { otpRoutes } from './routes/otp.ts';
import { recipientRoutes } from './routes/recipients.ts';
import { sendFormRoutes } from './routes/send-form.ts';
import { sendgridRoutes } from './routes/sendgrid.ts';
import { seedDomainRoutes } from './routes/seed-domains.ts';
import { seedMetricsRoutes } from './routes/seed-metrics.ts';
import { requestOrderRoutes } from './routes/request-orders.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { signUpRoutes } from './routes/sign-ups.ts';
import { taskRoutes } from './routes/tasks.ts';
import { senderRoutes } from './routes/senders.ts';
import { suppressionRoutes } from './routes/suppressions.ts';
import { templateRoutes } from './routes/templates.ts';
import { unsubscribeRoutes } from './routes/unsubscribe.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { weightRoutes } from './routes/weights.ts';
import { whatIfRoutes } from './routes/what-if.ts';

const ownRequestId = /^[A-Za-z0-9._:-]{1,128}$/;

export interface AppLimits {
  /** Largest body of a route that names no other size. */
  readonly maxBodyBytes: number;
  /** Bytes of bodies that may be under way at the same time. */
  readonly maxBytesUnderWay: number;
  /** A request must have come whole within this time, and its headers too. */
  readonly requestTimeoutMs: number;
  /** A connection on which nothing moves is closed. */
  readonly idleTimeoutMs: number;
}

/** Slow senders and idle sockets: Fastify has no limits of its own. */
export const usualLimits: AppLimits = {
  maxBodyBytes: 1_048_576,
  maxBytesUnderWay: 201_326_592,
  requestTimeoutMs: 15_000,
  idleTimeoutMs: 30_000,
};

/** Builds the HTTP ingress without listening, so that tests can speak to it by `inject`. */
export const buildApp = async (context: IngressContext, log: FastifyBaseLogger, limits: AppLimits) => {
  const known = createKnownPaths();
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.idleTimeoutMs,
    // Longer than the usual load balancer's 60 s, so that it is never us who closes under a request.
    keepAliveTimeout: 65_000,
    http: {
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(5_000, limits.requestTimeoutMs),
      maxHeaderSize: 16_384,
    },
    // As long as the headers may be: what is no id is for its route to say, not for the router.
    routerOptions: { maxParamLength: 16_384, ignoreTrailingSlash: false },
    clientErrorHandler: answerUnread(known),
    // A path that cannot be decoded reaches no route either.
    frameworkErrors: (error, request, reply) => void answerProblem(error, request, reply),
    // Anybody can write X-Forwarded-For: without a list nobody's is read.
    trustProxy: context.trustedProxies.length > 0 && [...context.trustedProxies],
    requestIdHeader: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && ownRequestId.test(given) ? given : randomUUID();
    },
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler(answerUnknownRoute);
  app.addHook('onRequest', (request, reply, next) => {
    void reply.header('x-request-id', request.id);
    next();
  });
  const seconds = context.metrics.histogram('http_request_seconds', 'Time until an answer was sent.', ['route']);
  const answered = context.metrics.counter('http_requests_total', 'Requests answered.', ['route', 'method', 'status']);
  app.addHook('onResponse', (request, reply, next) => {
    context.requestStats.request(reply.elapsedTime, reply.statusCode);
    const route = request.routeOptions.url ?? 'none';
    seconds(reply.elapsedTime / 1_000, { route });
    answered({ route, method: request.method, status: String(reply.statusCode) });
    next();
  });

  app.removeContentTypeParser('text/plain');
  readJson(app);
  limitBodies(app, limits.maxBytesUnderWay);
  refuseMethods(app, known);
  guardRoutes(app, context, '/docs');
  // Answers are data, never pages; what shows pages sets a policy of its own. No origin may read them but ours.
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    frameguard: { action: 'deny' },
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'mailfleet',
        version: '0.1.0',
        description:
          'Email over several ESPs by learned weights. Commands answer 202 and go through Kafka; questions read Postgres.',
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    },
    transform: jsonSchemaTransform,
    transformObject: (documentObject) =>
      finishDocument(jsonSchemaTransformObject(documentObject), {
        esps: context.esps.map(({ name }) => name),
      }),
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  app.get('/openapi.json', { config: open, schema: { hide: true } }, () => app.swagger());

  for (const routes of [
    healthRoutes,
    emailRoutes,
    requestOrderRoutes,
    scheduleRoutes,
    otpRoutes,
    sendFormRoutes,
    sendgridRoutes,
    messageRoutes,
    weightRoutes,
    whatIfRoutes,
    espRoutes,
    espHistoryRoutes,
    senderRoutes,
    domainRoutes,
    deliveryEventRoutes,
    seedDomainRoutes,
    seedMetricsRoutes,
    taskRoutes,
    signUpRoutes,
    auditRoutes,
    recipientRoutes,
    deadLetterRoutes,
    accountRoutes,
    apiKeyRoutes,
    suppressionRoutes,
    templateRoutes,
    outgoingWebhookRoutes,
    unsubscribeRoutes,
    webhookRoutes,
  ]) {
    await app.register((instance, _options, next) => {
      routes(instance.withTypeProvider<ZodTypeProvider>(), context);
      next();
    });
  }
  return app;
};

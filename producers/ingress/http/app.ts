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
import { guardRoutes } from './guard-routes.ts';
import type { IngressContext } from './ingress-context.ts';
import { markOptionalBodies } from './optional-bodies.ts';
import { answerProblem, answerUnknownRoute } from './problem.ts';
import { accountRoutes } from './routes/accounts.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { domainRoutes } from './routes/domains.ts';
import { emailRoutes } from './routes/emails.ts';
import { espHistoryRoutes } from './routes/esp-history.ts';
import { espRoutes } from './routes/esps.ts';
import { healthRoutes } from './routes/health.ts';
import { messageRoutes } from './routes/messages.ts';
import { senderRoutes } from './routes/senders.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { weightRoutes } from './routes/weights.ts';
import { whatIfRoutes } from './routes/what-if.ts';

const ownRequestId = /^[A-Za-z0-9._:-]{1,128}$/;

/** Builds the HTTP ingress without listening, so that tests can speak to it by `inject`. */
export const buildApp = async (context: IngressContext, log: FastifyBaseLogger, maxBodyBytes: number) => {
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBodyBytes,
    // Slow senders and idle sockets: Fastify has no limits of its own.
    requestTimeout: 15_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: false },
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

  guardRoutes(app, context, '/docs');
  await app.register(helmet, { contentSecurityPolicy: false });
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
    transformObject: (documentObject) => markOptionalBodies(jsonSchemaTransformObject(documentObject)),
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { config: open, schema: { hide: true } }, () => app.swagger());

  for (const routes of [
    healthRoutes,
    emailRoutes,
    messageRoutes,
    weightRoutes,
    whatIfRoutes,
    espRoutes,
    espHistoryRoutes,
    senderRoutes,
    domainRoutes,
    accountRoutes,
    apiKeyRoutes,
    webhookRoutes,
  ]) {
    await app.register((instance, _options, next) => {
      routes(instance.withTypeProvider<ZodTypeProvider>(), context);
      next();
    });
  }
  return app;
};

import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';

/** The instance that a file of routes adds to: schemas are zod's, and so are the types of what they let through. */
export type RouteApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Takes no body, or an empty one of type JSON, for `{}`: for routes whose every field is optional. */
export const allowEmptyBody = (app: RouteApp): void => {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, {});
    else void parseJson(request, body.toString(), done);
  });
  // Fastify shows a schema null where there is no body.
  app.addHook('preValidation', (request, _reply, next) => {
    request.body ??= {};
    next();
  });
};

/** Marks a route as one that needs a key, in the OpenAPI document. */
export const withKey = [{ key: [] }];

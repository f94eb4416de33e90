import { jsonCostFault, type JsonLimits } from '../../../shared/domain/json-cost.ts';
import { HttpProblem } from './problem.ts';
import type { RouteApp } from './route-app.ts';

// The longest list that a request may hold has 10,000 recipients; twice that, so that the schema can say so itself.
export const usualJsonLimits: JsonLimits = { depth: 64, members: 20_000, values: 500_000, steps: 20_000_000 };

/**
 * Reads JSON bodies of the routes of this instance. What would be costly to parse or to check is refused before anything is
 * built of it: 400 where it is nested too deep, 413 otherwise. `isEmptyAllowed` takes an empty body for `{}`.
 */
export const readJson = (app: RouteApp, options: { readonly isEmptyAllowed?: boolean } = {}): void => {
  // `__proto__` is taken out: it is nobody's field, and must not become anything's prototype.
  const parseJson = app.getDefaultJsonParser('remove', 'ignore');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
    if (bytes.length === 0 && options.isEmptyAllowed === true) {
      done(null, {});
      return;
    }
    const fault = jsonCostFault(bytes, usualJsonLimits);
    if (fault === undefined) void parseJson(request, bytes.toString(), done);
    else if (fault.includes('nested'))
      done(new HttpProblem(400, 'Malformed request', { detail: `The body ${fault}.` }));
    else done(new HttpProblem(413, 'Too large', { detail: `The body ${fault}.` }));
  });
};

/** Takes no body, or an empty one of type JSON, for `{}`: for routes whose every field is optional. */
export const allowEmptyBody = (app: RouteApp): void => {
  readJson(app, { isEmptyAllowed: true });
  // Fastify shows a schema null where there is no body, and also where the body is a literal null.
  app.addHook('preValidation', (request, _reply, next) => {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
    if (encoding === undefined && Number(length) === 0) request.body ??= {};
    next();
  });
};

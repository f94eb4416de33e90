import { jsonCostFault } from '../../../shared/domain/json-cost.ts';
import { HttpProblem } from './problem.ts';
import { usualJsonLimits } from './read-json.ts';
import type { RouteApp } from './route-app.ts';

/**
 * Reads every body of this instance as JSON, whatever its media type says: clients of these routes never said one, and
 * `curl -d` says another. 400 for what is none, or is nested too deep; 413 for what would cost too much.
 */
export const readAnyAsJson = (app: RouteApp): void => {
  const parseJson = app.getDefaultJsonParser('remove', 'ignore');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
    const fault = jsonCostFault(bytes, usualJsonLimits);
    if (fault === undefined) void parseJson(request, bytes.toString(), done);
    else
      done(
        new HttpProblem(fault.includes('nested') ? 400 : 413, 'Malformed request', { detail: `The body ${fault}.` }),
      );
  });
};

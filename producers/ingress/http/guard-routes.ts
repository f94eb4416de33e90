import { notAuthenticated } from '../admit.ts';
import { open, type Access, type KeyAccess } from './access.ts';
import { admit, type HttpGuards } from './authenticate.ts';
import { problemSchema } from './problem.ts';
import type { RouteApp } from './route-app.ts';

const asked = ({ scope, of }: KeyAccess): string => {
  if (of === 'the fleet') return `Needs a key of the fleet's administrators with the scope \`${scope}\`.`;
  return of === 'any account'
    ? `Needs the scope \`${scope}\`.`
    : `Needs a key of the fleet's own account with the scope \`${scope}\`.`;
};
const describeAccess = (access: KeyAccess): string =>
  access.isSeed === true ? `${asked(access)} With \`AUTH_OPEN=1\` no key is needed.` : asked(access);

const refusedWith = (statuses: readonly number[]) =>
  Object.fromEntries(statuses.map((status) => [status, problemSchema]));

/**
 * Guards every route that is added from now on by what its `config` says. A route that says nothing cannot be added, so
 * nobody forgets; what stands under `openPrefix` belongs to a plug-in that cannot say it, and is open.
 */
export const guardRoutes = (app: RouteApp, guards: HttpGuards, openPrefix: string): void => {
  const accessOf = new Map<string, Access>();
  app.decorate('accessOf', accessOf);
  app.decorateRequest('caller', null);
  app.addHook('onRoute', (route) => {
    if (route.url === openPrefix || route.url.startsWith(`${openPrefix}/`)) route.config = { ...route.config, ...open };
    const access = route.config?.access;
    if (access === undefined) throw new TypeError(`${String(route.method)} ${route.url} does not say who may use it`);
    for (const method of [route.method].flat()) accessOf.set(`${method} ${route.url}`, access);
    if (access === 'open' || route.schema === undefined) return;
    // Said once for all: what each of these routes asks, and how it may be refused.
    const { description, response, body } = route.schema;
    const needed = describeAccess(access);
    route.schema = {
      ...route.schema,
      description: description === undefined ? needed : `${description} ${needed}`,
      response: {
        ...refusedWith([400, 401, 403, 422, 429, 503]),
        ...(body === undefined ? {} : refusedWith([413, 415])),
        ...(typeof response === 'object' ? response : {}),
      },
    };
  });
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access;
    if (request.is404 || access === 'open') return;
    if (access === undefined) throw notAuthenticated();
    request.caller = await admit(request, access, guards);
  });
};

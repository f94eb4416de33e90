import { METHODS, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { KnownPaths } from './known-paths.ts';
import { HttpProblem, notFound } from './problem.ts';
import type { RouteApp } from './route-app.ts';

const methodNotAllowed = (methods: readonly string[]): HttpProblem =>
  new HttpProblem(405, 'Method not allowed', {
    detail: `This path answers to ${methods.join(', ')}.`,
    headers: { allow: methods.join(', ') },
  });

const pathOf = (url: string): string => url.split('?', 1)[0] ?? url;

/** What Node could not read as HTTP, as its `clientError` tells it. */
interface UnreadRequest extends Error {
  readonly code?: unknown;
  readonly rawPacket?: unknown;
}

const answerRaw = (socket: Duplex, { problem, headers }: HttpProblem): void => {
  const body = JSON.stringify(problem);
  const lines = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
};

const malformed = new HttpProblem(400, 'Malformed request', { detail: 'This is not HTTP.' });
const unread: Readonly<Record<string, HttpProblem>> = {
  HPE_HEADER_OVERFLOW: new HttpProblem(431, 'Header fields too large', { detail: 'Headers have at most 16 KiB.' }),
  ERR_HTTP_REQUEST_TIMEOUT: new HttpProblem(408, 'Request timeout', { detail: 'The request did not come in time.' }),
};

const refusalOf = (known: KnownPaths, path: string): HttpProblem => {
  const methods = known.methodsOf(pathOf(path));
  return methods === undefined ? notFound('route') : methodNotAllowed(methods);
};

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/\S*) HTTP\//;

/** Answers what Node cannot read, methods that nobody has heard of among it: none of that reaches a route. */
export const answerUnread =
  (known: KnownPaths) =>
  (error: UnreadRequest, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
    const { code, rawPacket } = error;
    const sent = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1', 0, 16_384) : '';
    const [, method, url = ''] = requestLine.exec(sent) ?? [];
    // Behind pipelined requests the line is an earlier one's, and its method known.
    const isForeign = code === 'HPE_INVALID_METHOD' && method !== undefined && !METHODS.includes(method);
    answerRaw(socket, isForeign ? refusalOf(known, url) : (unread[String(code)] ?? malformed));
  };

/**
 * Refuses methods that a path does not have: 405 with `Allow` where there is the path, 404 where there is none, before any
 * body is read or key is looked at. To be called before routes are added: `known` learns them here.
 */
export const refuseMethods = (app: RouteApp, known: KnownPaths): void => {
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) known.add(method, route.url);
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const path = pathOf(request.url);
    // A fixed path that lacks the method may still have met a route with a parameter in that place.
    const methods = known.methodsOfFixed(path);
    if (request.is404) done(refusalOf(known, path));
    else done(methods === undefined || methods.includes(request.method) ? undefined : methodNotAllowed(methods));
  });
  app.server.on('connect', (request, socket) => {
    answerRaw(socket, refusalOf(known, request.url ?? ''));
  });
};

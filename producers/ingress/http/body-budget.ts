import { Transform } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';

// Webhooks are told by ESPs with little patience; everything else can be sent again.
const isLastToShed = (request: FastifyRequest): boolean => /^\/webhook(s|-events)\//.test(request.url);

const mostReadAway = 67_108_864;
const tooLarge = (bytes: number): HttpProblem =>
  new HttpProblem(413, 'Too large', { detail: `A body may have ${bytes} bytes here.` });

const once = (act: () => void): (() => void) => {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
};

const tooMuch = (): HttpProblem =>
  new HttpProblem(503, 'Not available now', {
    detail: 'Too many large requests are under way. Nothing was accepted; send it again after a short while.',
    headers: { 'retry-after': '1' },
  });

/**
 * Keeps the bodies that are being read and handled at the same time below `maxBytes`: a process that runs out of memory
 * loses more than one that says 503. Bytes count as they come, not as they are announced - or a few idle sockets could
 * announce it all - until the request is answered. Webhooks have the last quarter for themselves. Answers how many bytes
 * are held.
 */
export const limitBodies = (app: FastifyInstance, maxBytes: number): (() => number) => {
  let held = 0;
  const shares = new WeakMap<FastifyRequest, number>();

  app.addHook('preParsing', (request, _reply, payload, done) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > request.routeOptions.bodyLimit) {
      const answer = once(() => {
        done(tooLarge(request.routeOptions.bodyLimit));
      });
      // Whoever is still writing when the connection closes never reads the answer: what is not too much is read away.
      if (announced > mostReadAway) answer();
      else payload.once('end', answer).once('close', answer).once('error', answer).resume();
      return;
    }
    const room = isLastToShed(request) ? maxBytes : maxBytes * 0.75;
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, next) => {
        if (held + chunk.length > room) {
          next(tooMuch());
          return;
        }
        held += chunk.length;
        shares.set(request, (shares.get(request) ?? 0) + chunk.length);
        next(null, chunk);
      },
    });
    payload.on('error', (error) => {
      counted.destroy(error);
    });
    // A client that goes away in the middle of its body ends the stream without an end.
    payload.on('close', () => {
      if (!payload.readableEnded) counted.destroy();
    });
    payload.pipe(counted);
    done(null, counted);
  });

  const release = (request: FastifyRequest): void => {
    held -= shares.get(request) ?? 0;
    shares.delete(request);
  };
  app.addHook('onResponse', (request, _reply, next) => {
    release(request);
    next();
  });
  app.addHook('onRequestAbort', (request, next) => {
    release(request);
    next();
  });
  return () => held;
};

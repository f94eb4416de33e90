import http from 'node:http';
import https from 'node:https';
import type { SendOptions } from './esp.ts';

// The SDKs answer a failed call with too little to judge it: what decides between "another ESP may have it" and "nobody
// may" is whether the connection stood when it failed. So both SDKs get this transport instead of their own.

/** What an HTTP call came to. `connected` tells whether any byte of the request can have reached the other side. */
export type PostResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: http.IncomingHttpHeaders;
      readonly body: string;
    }
  | { readonly kind: 'failed'; readonly connected: boolean; readonly code: string; readonly detail: string };

interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpTransport {
  /** Posts once, never twice, and never rejects. The deadlines are both in ms from now. */
  post(request: PostRequest, options: SendOptions): Promise<PostResult>;
  close(): void;
}

// Shorter than the idle time of any provider's front end: a request put on a connection that the other side is closing
// ends as a reset, and a reset is an unknown outcome.
const idleSocketMs = 4_000;
const maxAnswerBytes = 16 * 1024 * 1024;

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'ERROR';

const exchange = (agent: http.Agent, url: URL, request: PostRequest, options: SendOptions): Promise<PostResult> =>
  new Promise((resolve) => {
    const secure = url.protocol === 'https:';
    const body = Buffer.from(request.body);
    let connected = false;
    let connectTimer: NodeJS.Timeout | undefined;

    const outgoing = (secure ? https : http).request(url, {
      method: 'POST',
      agent,
      headers: { ...request.headers, 'content-length': String(body.length) },
    });
    const settle = (result: PostResult) => {
      clearTimeout(totalTimer);
      clearTimeout(connectTimer);
      resolve(result);
    };
    const fail = (code: string, detail: string) => {
      settle({ kind: 'failed', connected, code, detail });
      outgoing.destroy();
    };
    const totalTimer = setTimeout(() => {
      fail('ETIMEDOUT', `no whole answer within ${options.totalTimeoutMs} ms`);
    }, options.totalTimeoutMs);

    outgoing.on('socket', (socket) => {
      if (outgoing.reusedSocket) {
        connected = true;
        return;
      }
      connectTimer = setTimeout(() => {
        fail('ECONNECTTIMEOUT', `no connection within ${options.connectTimeoutMs} ms`);
      }, options.connectTimeoutMs);
      // Until TLS stands no byte of the request has left, so a failed handshake is as good as a refused connection.
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        connected = true;
        clearTimeout(connectTimer);
      });
    });
    outgoing.on('error', (error) => {
      fail(codeOf(error), error.message);
    });
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxAnswerBytes) fail('EANSWERSIZE', `the answer is longer than ${maxAnswerBytes} bytes`);
        else chunks.push(chunk);
      });
      incoming.on('error', (error) => {
        fail(codeOf(error), error.message);
      });
      incoming.on('close', () => {
        if (!incoming.complete) fail('ECONNRESET', 'the answer broke off');
      });
      incoming.on('end', () => {
        const { statusCode: status = 0, headers } = incoming;
        settle({ kind: 'answered', status, headers, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    outgoing.end(body);
  });

/**
 * Kept-alive connections of one account.
 * @param maxSockets connections at once; further calls wait for one within their own deadline, and are then not sent.
 */
export const createHttpTransport = (maxSockets: number): HttpTransport => {
  const settings = { keepAlive: true, maxSockets, timeout: idleSocketMs };
  const agents = { 'http:': new http.Agent(settings), 'https:': new https.Agent(settings) };
  return {
    post: async (request, options) => {
      try {
        const url = new URL(request.url);
        return await exchange(agents[url.protocol === 'https:' ? 'https:' : 'http:'], url, request, options);
      } catch (error) {
        // Only a request that cannot be built gets here (an address or a header that is none): nothing was sent.
        return { kind: 'failed', connected: false, code: codeOf(error), detail: 'the request could not be built' };
      }
    },
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
};

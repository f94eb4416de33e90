import http from 'node:http';
import https from 'node:https';

/** Posts to one address over a few kept-alive connections; answers the status, or 0 when there was none. */
export interface WebhookPoster {
  post(headers: Readonly<Record<string, string>>, body: Buffer): Promise<number>;
  close(): void;
}

const answerTimeoutMs = 10_000;

export const createWebhookPoster = (address: string, connections: number): WebhookPoster => {
  const url = new URL(address);
  const { request, Agent } = url.protocol === 'https:' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    post: (headers, body) =>
      new Promise((resolve) => {
        const outgoing = request(url, {
          method: 'POST',
          agent,
          headers: { ...headers, 'content-length': body.length },
          signal: AbortSignal.timeout(answerTimeoutMs),
        });
        outgoing.on('error', () => {
          resolve(0);
        });
        outgoing.on('response', (answer) => {
          answer.resume();
          answer.on('close', () => {
            resolve(answer.complete ? (answer.statusCode ?? 0) : 0);
          });
        });
        outgoing.end(body);
      }),
    close: () => {
      agent.destroy();
    },
  };
};

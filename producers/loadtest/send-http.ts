import { Agent, request } from 'node:http';
import type { LoadOptions } from './options.ts';

export interface Sender {
  /** Resolves when what has this number was accepted. */
  readonly send: (index: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The load's domains; every twentieth event of one is a bounce. */
export const domainOf = (index: number, domains: number): string => `load-${index % domains}.example`;
export const typeOf = (index: number, domains: number): 'delivered' | 'bounced' =>
  Math.floor(index / domains) % 20 === 19 ? 'bounced' : 'delivered';
export const emailOf = (index: number, domains: number): object => ({
  from: 'Load <load@sender.example>',
  subject: 'A load test',
  text: 'Nobody needs to read this.',
  recipients: [{ email: `r${index}@${domainOf(index, domains)}` }],
});

/** Sends through the ingress at `url`; `key` undefined: it is open. */
export const httpSender = (url: string, key: string | undefined, options: LoadOptions): Sender => {
  const agent = new Agent({ keepAlive: true, maxSockets: options.concurrency });
  const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const call = (method: string, path: string, body: string | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = {
        ...authorization,
        ...(body === undefined
          ? { 'content-length': 0 }
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      };
      const asked = request(new URL(path, url), { method, agent, headers, timeout: 30_000 }, (answer) => {
        const { statusCode = 0 } = answer;
        answer.resume();
        answer.once('error', reject);
        answer.once('end', () => {
          if (statusCode < 300) resolve();
          else reject(new Error(`${method} ${path.split('/', 2).join('/')}/… was answered ${statusCode}`));
        });
      });
      asked.once('timeout', () => asked.destroy(new Error('no answer within 30 s')));
      asked.once('error', reject);
      asked.end(body);
    });
  const { domains, target } = options;
  return {
    send: (index) =>
      target === 'emails'
        ? call('POST', '/v1/emails', JSON.stringify(emailOf(index, domains)))
        : call('PUT', `/events/${domainOf(index, domains)}/${typeOf(index, domains)}`, undefined),
    close: () => {
      agent.destroy();
      return Promise.resolve();
    },
  };
};

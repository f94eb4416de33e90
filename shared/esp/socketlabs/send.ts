import { SocketLabsClient } from '@socketlabs/email';
import type { Delivery, DeliveryAnswer, Esp, SendOptions } from '../esp.ts';
import { createHttpTransport, type PostResult } from '../http-post.ts';
import { socketlabsAnswers } from './answer.ts';
import { socketlabsCalls, socketlabsMaxRows, type SocketlabsMessage } from './payload.ts';

export interface SocketlabsSettings {
  readonly name: string;
  /** The server's number at SocketLabs. */
  readonly serverId: string;
  readonly apiKey: string;
  /** Where the API is; its own address when not given. */
  readonly baseUrl?: string | undefined;
}

const concurrentCalls = 20;

/**
 * One SocketLabs server. Of the official SDK only what makes the request is used, which knows the kinds of keys: its
 * `send` makes one rejection of every failure, of a partly taken call too, and a retry then mails some people twice.
 */
export const createSocketlabs = ({ name, serverId, apiKey, baseUrl }: SocketlabsSettings): Esp => {
  const transport = createHttpTransport(concurrentCalls);
  const endpointUrl = baseUrl === undefined ? null : `${baseUrl.replace(/\/+$/, '')}/api/v1/email`;
  const client = new SocketLabsClient(Number(serverId), apiKey, { endpointUrl });

  const call = (message: SocketlabsMessage, options: SendOptions): Promise<PostResult> => {
    const { url, headers, data } = client.createRequest(message);
    const json = { ...headers, 'Content-Type': 'application/json', Accept: 'application/json' };
    return transport.post({ url, headers: json, body: JSON.stringify(data) }, options);
  };

  return {
    name,
    kind: 'socketlabs',
    limits: {
      deliveriesPerCall: socketlabsMaxRows,
      // SocketLabs documents no limit; a larger message is theirs to refuse.
      bytesPerCall: 10_000_000,
      oneContentPerCall: true,
      concurrentCalls,
    },
    send: async (deliveries: readonly Delivery[], options) => {
      const answers: DeliveryAnswer[] = deliveries.map(() => ({
        outcome: 'unknown',
        code: 'ESDK',
        detail: 'no answer',
      }));
      await Promise.all(
        socketlabsCalls(deliveries).map(async ({ places, message }) => {
          const result = await call(message, options);
          const own = places.flatMap((place) => deliveries[place] ?? []);
          socketlabsAnswers(result, own, message.messageId, new Date()).forEach((answer, index) => {
            const place = places[index];
            if (place !== undefined) answers[place] = answer;
          });
        }),
      );
      return answers;
    },
    close: () => {
      transport.close();
      return Promise.resolve();
    },
  };
};

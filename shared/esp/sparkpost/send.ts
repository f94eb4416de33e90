import SparkPost from 'sparkpost';
import type { Delivery, DeliveryAnswer, Esp, SendOptions } from '../esp.ts';
import { createHttpTransport, type PostResult } from '../http-post.ts';
import { sparkpostAnswers } from './answer.ts';
import { sparkpostCalls, sparkpostMaxRecipients, type SparkpostCall } from './payload.ts';

export interface SparkpostSettings {
  readonly name: string;
  readonly apiKey: string;
  /** Where the API is (accounts in the EU have an address of their own); the one in the US when not given. */
  readonly baseUrl?: string | undefined;
}

const concurrentCalls = 20;

/** What the SDK hands its HTTP library, and the part of its client that its published types leave out. */
interface SdkRequest {
  readonly uri: string;
  readonly json: unknown;
  readonly headers: Readonly<Record<string, string>>;
}
interface SdkClient {
  readonly apiKey: string;
  readonly origin: string;
  readonly apiVersion: string;
  readonly defaultHeaders: Readonly<Record<string, string>>;
  request: (request: SdkRequest) => Promise<unknown>;
  post(request: SdkRequest): Promise<unknown>;
}

/**
 * One SparkPost account over the official SDK's client, with the connections and deadlines of our own transport in the
 * place of `request`, which neither tells whether a connection stood nor shows the headers of an error.
 */
export const createSparkpost = ({ name, apiKey, baseUrl }: SparkpostSettings): Esp => {
  const transport = createHttpTransport(concurrentCalls);
  const origin = baseUrl?.replace(/\/+$/, '');

  const call = async ({ mail, idempotencyKey }: SparkpostCall, options: SendOptions): Promise<PostResult> => {
    let result: PostResult = { kind: 'failed', connected: false, code: 'ESDK', detail: 'the SDK made no call' };
    const client = new SparkPost(apiKey, origin === undefined ? {} : { origin }) as unknown as SdkClient;
    client.request = async ({ uri, json, headers }) => {
      const url = `${client.origin}/api/${client.apiVersion}/${uri}`;
      const sent = { ...client.defaultHeaders, ...headers, Authorization: client.apiKey };
      result = await transport.post({ url, headers: sent, body: JSON.stringify(json) }, options);
    };
    await client.post({ uri: 'transmissions', json: mail, headers: { 'Idempotency-Key': idempotencyKey } });
    return result;
  };

  return {
    name,
    kind: 'sparkpost',
    // By the Idempotency-Key, which is made from the attempts of the call.
    knowsRepeats: true,
    limits: {
      deliveriesPerCall: sparkpostMaxRecipients,
      // The provider's limit is 20 MB of content; our measure of a call is an estimate.
      bytesPerCall: 18_000_000,
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
        sparkpostCalls(deliveries).map(async (made) => {
          const { places, mail } = made;
          const result = await call(made, options);
          sparkpostAnswers(result, places.length, mail.recipients.length, new Date()).forEach((answer, index) => {
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

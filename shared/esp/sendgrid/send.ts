import { MailService } from '@sendgrid/mail';
import type { Delivery, DeliveryAnswer, Esp, SendOptions } from '../esp.ts';
import { createHttpTransport, type PostResult } from '../http-post.ts';
import { sendgridAnswers } from './answer.ts';
import { sendgridCalls, sendgridMaxRecipients, type SendgridMail } from './payload.ts';

export interface SendgridSettings {
  readonly name: string;
  readonly apiKey: string;
  /** Where the API is; its own address when not given. */
  readonly baseUrl?: string | undefined;
}

const concurrentCalls = 20;

/** What the SDK hands its HTTP library; ours stands in for it and needs these four. */
interface SdkRequest {
  readonly baseURL: string;
  readonly url: string;
  readonly headers: { toJSON(): Record<string, unknown> };
  readonly data: string;
}

/** The part of the SDK's client that its published types leave out. */
interface SdkClient {
  setDefaultRequest(defaults: Readonly<Record<string, unknown>>): unknown;
  request(request: { readonly method: 'POST'; readonly url: string; readonly body: string }): Promise<unknown>;
}

const plainHeaders = (headers: SdkRequest['headers']): Record<string, string> =>
  Object.fromEntries(Object.entries(headers.toJSON()).map(([name, value]) => [name, String(value)]));

const urlOf = ({ baseURL, url }: SdkRequest): string => baseURL.replace(/\/+$/, '') + url;

/** One SendGrid account over the official SDK, with the connections and deadlines of our own transport. */
export const createSendgrid = ({ name, apiKey, baseUrl }: SendgridSettings): Esp => {
  const transport = createHttpTransport(concurrentCalls);
  const service = new MailService();
  service.setApiKey(apiKey);
  const client = (service as unknown as { readonly client: SdkClient }).client;
  // Only now: setting the key resets the address.
  if (baseUrl !== undefined) client.setDefaultRequest({ baseUrl });
  const asTheyStand = (value: unknown): unknown => value;

  const call = async (mail: SendgridMail, options: SendOptions): Promise<PostResult> => {
    let result: PostResult = { kind: 'failed', connected: false, code: 'ESDK', detail: 'the SDK made no call' };
    // `request` copies the defaults before it returns, so calls under way at once do not mix.
    client.setDefaultRequest({
      transformRequest: asTheyStand,
      transformResponse: asTheyStand,
      adapter: async (request: SdkRequest) => {
        const headers = plainHeaders(request.headers);
        result = await transport.post({ url: urlOf(request), headers, body: request.data }, options);
        return { status: 200, statusText: '', data: '', headers: {}, config: request };
      },
    });
    await client.request({ method: 'POST', url: '/v3/mail/send', body: JSON.stringify(mail) }).catch(() => undefined);
    return result;
  };

  return {
    name,
    kind: 'sendgrid',
    limits: {
      deliveriesPerCall: sendgridMaxRecipients,
      // The provider's limit is 30 MB; our measure of a call is an estimate.
      bytesPerCall: 28_000_000,
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
        sendgridCalls(deliveries).map(async ({ places, mail }) => {
          const result = await call(mail, options);
          sendgridAnswers(result, places.length, new Date()).forEach((answer, index) => {
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

import { Models, ServerClient } from 'postmark';
import type { Esp } from '../esp.ts';
import { refusal } from '../outcome-of.ts';
import { createHttpTransport, type PostResult } from '../http-post.ts';
import { postmarkAnswers } from './answer.ts';
import { isTooLarge, maxMessageBytes, postmarkBatch, type PostmarkMessage } from './payload.ts';

export interface PostmarkSettings {
  readonly name: string;
  readonly serverToken: string;
  /** Where the API is; its own address when not given. */
  readonly baseUrl?: string | undefined;
  readonly messageStream?: string | undefined;
}

const concurrentCalls = 20;

const bytesPerCall = 48_000_000;

type Fetch = Models.ClientOptions.FetchImplementation;

const sdkMessage = (message: PostmarkMessage) =>
  Object.assign(new Models.Message(message.From, message.Subject), message);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : String(value));

/** Scheme, host and path of the API in the form the SDK asks for. */
const placeOf = (baseUrl: string | undefined) => {
  if (baseUrl === undefined) return { useHttps: true, requestHost: 'api.postmarkapp.com' };
  const url = new URL(baseUrl);
  return { useHttps: url.protocol === 'https:', requestHost: url.host + url.pathname.replace(/\/+$/, '') };
};

/** One Postmark server over the official SDK, with the connections and deadlines of our own transport. */
export const createPostmark = ({ name, serverToken, baseUrl, messageStream }: PostmarkSettings): Esp => {
  const transport = createHttpTransport(concurrentCalls);
  const place = placeOf(baseUrl);
  return {
    name,
    kind: 'postmark',
    limits: { deliveriesPerCall: 500, bytesPerCall, oneContentPerCall: false, concurrentCalls },
    send: async (all, options) => {
      // What Postmark surely refuses is not carried there first: a batch would be full with five of them.
      const deliveries = all.filter((delivery) => !isTooLarge(delivery));
      const tooLarge = refusal('content', 'too-large', `Postmark takes messages of at most ${maxMessageBytes} bytes.`);
      if (deliveries.length === 0) return all.map(() => tooLarge);
      let result: PostResult = { kind: 'failed', connected: false, code: 'ESDK', detail: 'the SDK made no call' };
      // The SDK drops the cause of a failure and every header, so each call looks over its own fetch.
      const fetchOnce: Fetch = async (input, init) => {
        const headers = Object.fromEntries(new Headers(init?.headers).entries());
        result = await transport.post({ url: textOf(input), headers, body: textOf(init?.body) }, options);
        if (result.kind === 'failed') throw new Error(result.code);
        return new Response(result.status === 204 ? null : result.body, { status: result.status });
      };
      const { useHttps, requestHost } = place;
      const seconds = options.totalTimeoutMs / 1000;
      const sdk = new Models.ClientOptions.Configuration(useHttps, requestHost, seconds, fetchOnce);
      const messages = postmarkBatch(deliveries, messageStream).map(sdkMessage);
      try {
        await new ServerClient(serverToken, sdk).sendEmailBatch(messages);
      } catch {
        // What the SDK makes of a failure is less than what `result` holds.
      }
      const answers = postmarkAnswers(result, deliveries, new Date());
      const answerOf = new Map(deliveries.map((delivery, index) => [delivery, answers[index]]));
      return all.map((delivery) => answerOf.get(delivery) ?? tooLarge);
    },
    close: () => {
      transport.close();
      return Promise.resolve();
    },
  };
};

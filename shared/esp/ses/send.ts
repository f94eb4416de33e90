import { AsyncLocalStorage } from 'node:async_hooks';
import type { DeliveryAnswer, Esp, SendOptions } from '../esp.ts';
import { createHttpTransport, type PostResult } from '../http-post.ts';
import { sesAnswers } from './answer.ts';
import { sesCalls, sesMaxEntries, type SesCall } from './payload.ts';

export interface SesSettings {
  readonly name: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Without one SES tells of no opens and clicks. */
  readonly configurationSet?: string | undefined;
  /** Where the API is; the region's own address when not given. */
  readonly baseUrl?: string | undefined;
}

const concurrentCalls = 20;
// SES throttles what is above 10 MB and takes 40 MB after encoding; our measure of a call is an estimate.
const bytesPerCall = 30_000_000;

/** The part of the SDK's signed request that its handler needs. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What belongs to one call while the SDK works on it: calls under way at once share the client. */
interface CallState {
  readonly options: SendOptions;
  result: PostResult;
}

const urlOf = ({ protocol, hostname, port, path }: SdkRequest): string =>
  `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;

// The SDK's bytes are of a kind that complains when it is taken for a text.
const bodyText = (body: unknown): string =>
  typeof body === 'string' ? body : body instanceof Uint8Array ? new TextDecoder().decode(body) : '';

/** One SES account in one region over the official SDK, with the connections and deadlines of our own transport. */
export const createSes = (settings: SesSettings): Esp => {
  const { name, region, accessKeyId, secretAccessKey, configurationSet, baseUrl } = settings;
  const transport = createHttpTransport(concurrentCalls);
  const underway = new AsyncLocalStorage<CallState>();
  const handle = async (request: SdkRequest) => {
    const call = underway.getStore();
    if (call === undefined) throw new Error('a call that we did not begin');
    const { url, headers, body } = { url: urlOf(request), headers: request.headers, body: bodyText(request.body) };
    call.result = await transport.post({ url, headers, body }, call.options);
    if (call.result.kind === 'failed') throw new Error(call.result.code);
    const { status: statusCode, body: text } = call.result;
    // What the SDK makes of it is not asked for, so the headers may stay behind.
    return { response: { statusCode, headers: {}, body: Buffer.from(text) } };
  };
  const load = async () => {
    const sdk = await import('@aws-sdk/client-sesv2');
    const client = new sdk.SESv2Client({
      region,
      credentials: { accessKeyId, secretAccessKey },
      // The SDK's own retries would sleep inside the call, and send again what may have been taken.
      maxAttempts: 1,
      ...(baseUrl === undefined ? {} : { endpoint: baseUrl.replace(/\/+$/, '') }),
      requestHandler: { handle },
    });
    return { sdk, client };
  };
  // A third of a second and 20 MB that a process which only wants to know the ESP's name need not spend.
  let loading: ReturnType<typeof load> | undefined;
  const loaded = (): ReturnType<typeof load> => (loading ??= load());

  const send = async (call: SesCall, options: SendOptions): Promise<PostResult> => {
    const state: CallState = {
      options,
      result: { kind: 'failed', connected: false, code: 'ESDK', detail: 'the SDK made no call' },
    };
    await underway.run(state, async () => {
      try {
        const { sdk, client } = await loaded();
        if (call.kind === 'bulk') await client.send(new sdk.SendBulkEmailCommand(call.input));
        else await client.send(new sdk.SendEmailCommand(call.input));
      } catch {
        // What the SDK makes of a failure is less than what `state` holds.
      }
    });
    return state.result;
  };

  return {
    name,
    kind: 'ses',
    limits: { deliveriesPerCall: sesMaxEntries, bytesPerCall, oneContentPerCall: true, concurrentCalls },
    warmUp: () => {
      // A failure comes out again at the first send.
      loaded().catch(() => undefined);
    },
    send: async (deliveries, options) => {
      const answers: DeliveryAnswer[] = deliveries.map(() => ({
        outcome: 'unknown',
        code: 'ESDK',
        detail: 'no answer',
      }));
      await Promise.all(
        sesCalls(deliveries, configurationSet).map(async (call) => {
          const result = await send(call, options);
          sesAnswers(result, call.kind, call.places.length).forEach((answer, index) => {
            const place = call.places[index];
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

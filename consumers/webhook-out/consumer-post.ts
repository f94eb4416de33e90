// One call of an endpoint that a user named: to checked addresses only, without redirects, within a time and a size.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isNativeError } from 'node:util/types';
import { addressInHost, faultOfWebhookUrl, mayCall } from '../../shared/domain/webhook-url.ts';
import { readRetryAfter, type EndpointAnswer } from './decide-next-try.ts';

/** What a call met. */
export interface CallResult extends EndpointAnswer {
  readonly ms: number;
  /** The beginning of the answer's body. */
  readonly answer: string | null;
  /** Why there was no answer, or why it does not count, in plain words. */
  readonly error: string | null;
}

export interface PostPorts {
  /** All addresses of a name. */
  readonly resolve: (hostname: string) => Promise<readonly LookupAddress[]>;
  readonly allowPrivate: boolean;
  /** For the whole call, from the name to the last byte. */
  readonly timeoutMs?: number;
  /** Certificates to trust instead of the system's. */
  readonly ca?: string | undefined;
}

const usualTimeoutMs = 10_000;
const answerBytes = 1_048_576;
const keptBytes = 1_024;

class RefusedAddressError extends Error {}
const refusal = (): RefusedAddressError =>
  new RefusedAddressError('The address is not one of the public internet, so it is not called.');

/**
 * A look-up that answers checked addresses only. The socket connects to what it answers, so nobody can have a name mean
 * another address between the check and the connection; one private address among several is enough to refuse them all.
 */
const checkedLookup = (protocol: string, { resolve, allowPrivate }: PostPorts): LookupFunction => {
  const find = async (hostname: string): Promise<readonly LookupAddress[]> => {
    const found = await resolve(hostname);
    if (found.length === 0) throw new Error('The name has no address.');
    if (!found.every(({ address }) => mayCall(protocol, address, allowPrivate))) throw refusal();
    return found;
  };
  return (hostname, options, callback) => {
    find(hostname).then(
      (found) => {
        const [first] = found;
        if (options.all === true) callback(null, [...found]);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => {
        callback(isNativeError(error) ? error : new Error(String(error)), '', 0);
      },
    );
  };
};

/** The beginning of a body; ends by itself after `answerBytes`, the rest is not read. */
const readBeginning = async (response: IncomingMessage): Promise<string> => {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    if (bytes < keptBytes) kept.push(buffer.subarray(0, keptBytes - bytes));
    bytes += buffer.length;
    if (bytes > answerBytes) break;
  }
  // Postgres text holds no NUL.
  return Buffer.concat(kept).toString('utf8').replaceAll('\u0000', '\uFFFD');
};

const wordsOf = (error: unknown): string => {
  if (error instanceof RefusedAddressError) return error.message;
  const code = isNativeError(error) && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return `The call failed${code === '' ? '' : ` (${code})`}.`;
};

/** Posts to endpoints; connections are kept for a while, each to the address it was checked for. */
export const createPost = (ports: PostPorts) => {
  const { allowPrivate, timeoutMs = usualTimeoutMs } = ports;
  const pooled = { keepAlive: true, maxFreeSockets: 64, timeout: 30_000 };
  const agents = {
    'http:': new HttpAgent({ ...pooled, lookup: checkedLookup('http:', ports) }),
    'https:': new HttpsAgent({ ...pooled, lookup: checkedLookup('https:', ports), ca: ports.ca }),
  };

  const exchange = async (url: URL, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const isPlain = url.protocol === 'http:';
      const options = { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) }, signal };
      const request = isPlain
        ? httpRequest(url, { ...options, agent: agents['http:'] })
        : httpsRequest(url, { ...options, agent: agents['https:'] });
      request.on('response', resolve).on('error', reject).end(body);
    });
    return { response, answer: await readBeginning(response) };
  };

  const post = async (text: string, headers: Readonly<Record<string, string>>, body: string): Promise<CallResult> => {
    const startedAt = performance.now();
    const ended = (result: Partial<CallResult>): CallResult => ({
      ...{ status: undefined, retryAfterMs: undefined, answer: null, error: null },
      ...result,
      ms: Math.round(performance.now() - startedAt),
    });
    const fault = faultOfWebhookUrl(text, allowPrivate);
    if (fault !== undefined) return ended({ error: `The URL ${fault}.` });
    const url = new URL(text);
    // An address in the URL itself is looked up by nobody.
    const address = addressInHost(url.hostname);
    if (address !== undefined && !mayCall(url.protocol, address, allowPrivate))
      return ended({ error: refusal().message });
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const { response, answer } = await exchange(url, headers, body, signal);
      const { statusCode: status = 0, headers: answered } = response;
      const isRedirect = status >= 300 && status < 400;
      return ended({
        status,
        answer,
        retryAfterMs: readRetryAfter(answered['retry-after'], Date.now()),
        error: isRedirect ? 'It answered with a redirect, which is not followed.' : null,
      });
    } catch (error) {
      const late = `There was no whole answer within ${timeoutMs / 1_000} s.`;
      return ended({ error: signal.aborted ? late : wordsOf(error) });
    }
  };
  return {
    post,
    close: (): void => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
};

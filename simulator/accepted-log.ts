import { deflateRaw, inflateRawSync } from 'node:zlib';
import type { AcceptedMessage } from './simulated-esp.ts';
import { sha256 } from './wire-values.ts';

/** Whose call it was, and how its messages are read again from its body. */
interface Reader {
  readonly kind: string;
  readonly render: (
    body: Buffer,
    providerIds: readonly string[],
  ) => readonly AcceptedMessage[] | Promise<readonly AcceptedMessage[]>;
}

interface AcceptedCall {
  readonly at: string;
  readonly esp: Reader;
  readonly providerIds: readonly string[];
  body: Buffer;
  isPacked: boolean;
}

/** Every accepted message, in the order of acceptance. */
export interface AcceptedLog {
  /** Records a call; once it returns, the call's messages will be told by `lines`. */
  add(call: {
    readonly at: Date;
    readonly esp: Reader;
    readonly providerIds: readonly string[];
    readonly body: Buffer;
  }): void;
  /** One JSON line per accepted message; a chunk of text holds those of one call. */
  lines(): AsyncGenerator<string>;
  clear(): void;
}

// Bodies of a batch are much alike and shrink to a tenth: a million messages must fit in memory.
const packFromBytes = 32_768;

/**
 * Keeps the bytes of whole calls and makes the lines when somebody reads them: what must be quick is the taking.
 */
export const createAcceptedLog = (): AcceptedLog => {
  let calls: AcceptedCall[] = [];
  return {
    add: ({ at, esp, providerIds, body }) => {
      const call: AcceptedCall = { at: at.toISOString(), esp, providerIds, body, isPacked: false };
      calls.push(call);
      if (body.length < packFromBytes) return;
      deflateRaw(body, { level: 1 }, (error, packed) => {
        if (error !== null) return;
        call.body = packed;
        call.isPacked = true;
      });
    },
    async *lines() {
      const upToNow = [...calls];
      for (const { at, esp, providerIds, body, isPacked } of upToNow) {
        const raw = isPacked ? inflateRawSync(body) : body;
        const messages = await esp.render(raw, providerIds);
        yield messages
          .map((message) => {
            const bodySha256 = sha256((message.text ?? '') + (message.html ?? ''));
            return JSON.stringify({ at, esp: esp.kind, ...message, bodySha256 }) + '\n';
          })
          .join('');
        // Reading a long log must not keep the ESPs from answering.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    clear: () => {
      calls = [];
    },
  };
};

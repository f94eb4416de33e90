import { hideAddressesInJson } from '../domain/hide-addresses.ts';
import { pino, destination, multistream, type Logger } from 'pino';

export type { Logger } from 'pino';

// Only these facts of an error are written: SDK errors carry request headers, and with them keys and addresses.
const plainError = (error: unknown): Record<string, unknown> => {
  if (!(error instanceof Error)) return { type: typeof error };
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : undefined;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: plainError(error.cause) }),
  };
};

/** Keys under which an address, a text or a secret could stand: their values never reach a log. */
const secretKeys = ['email', 'recipient', 'to', 'from', 'authorization', 'apiKey', 'password', 'otp', 'text', 'html'];

/**
 * JSON lines on stdout (and appended to `file`): a constant sentence plus fields. error = someone should look,
 * warn = degraded but handled, info = lifecycle, debug = per message. `file` is for a process started alone; under a
 * supervisor, that one writes it.
 */
export const createLog = (options: {
  readonly name: string;
  readonly level: string;
  readonly file?: string | undefined;
}): Logger =>
  pino(
    {
      name: options.name,
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: plainError, error: plainError },
      // Keys cannot tell of an address inside a text, such as an ESP's words about it.
      hooks: { streamWrite: hideAddressesInJson },
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
    },
    options.file === undefined
      ? destination({ dest: 1, sync: false })
      : multistream([
          { stream: destination({ dest: 1, sync: false }), level: 'trace' },
          { stream: destination({ dest: options.file, sync: false, mkdir: true }), level: 'trace' },
        ]),
  );

// What every method of the gRPC door has in common: who calls, how long they wait, and how a refusal is told.
import { Metadata, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { FleetError } from '../../../shared/errors.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import { admitCaller, type Guards } from '../admit.ts';
import { fleetAdmin, type Caller } from '../check-key.ts';
import { Refusal, type RefusalKind } from '../refusal.ts';

export interface CallSettings extends Guards {
  /** AUTH_OPEN: callers need no key, and are the administrators. */
  readonly isOpen: boolean;
  readonly log: Logger;
}

const codes: Readonly<Record<RefusalKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  'too-large': status.RESOURCE_EXHAUSTED,
  'in-flight': status.ABORTED,
  'too-many': status.RESOURCE_EXHAUSTED,
  'not-authenticated': status.UNAUTHENTICATED,
  'not-allowed': status.PERMISSION_DENIED,
  'not-found': status.NOT_FOUND,
};

/** An error as gRPC tells it: a code and a sentence, never what nobody expected. */
interface GrpcFault {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

const faultOf = (error: unknown, log: Logger): GrpcFault => {
  if (error instanceof Refusal) {
    const fault = { code: codes[error.kind], details: error.message };
    if (error.retryAfterMs === undefined) return fault;
    const metadata = new Metadata();
    metadata.set('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000))));
    return { ...fault, metadata };
  }
  if (error instanceof FleetError && error.retryable) {
    return { code: status.UNAVAILABLE, details: 'It was not confirmed in time; ask again after a short while.' };
  }
  log.error({ err: error }, 'a gRPC call failed');
  return { code: status.INTERNAL, details: 'An unexpected fault; it was noted.' };
};

/** `ipv4:127.0.0.1:5000`, `[::1]:5000` and `127.0.0.1:5000` all name an address. */
const addressOf = (peer: string): string => {
  const bracketed = /\[([^\]]+)\]/.exec(peer)?.[1];
  return bracketed ?? /(?:^|:)(\d{1,3}(?:\.\d{1,3}){3}):\d+$/.exec(peer)?.[1] ?? peer;
};

const keyOf = (metadata: Metadata): string | undefined => {
  const [value] = metadata.get('authorization');
  return /^(?:Bearer +)?(\S+)$/i.exec(String(value ?? '').trim())?.[1];
};

const isOver = (deadline: Date | number): boolean => Number(deadline) <= Date.now();

/** Stands for a message that cannot be read: its sender is told so, not that the server is at fault. */
class Malformed {
  readonly isMalformed = true;
}

/** Reads a message; what is none becomes a `Malformed`, which every method refuses. */
export const orMalformed =
  (read: (bytes: Buffer) => object): ((bytes: Buffer) => object) =>
  (bytes) => {
    try {
      return read(bytes);
    } catch {
      return new Malformed();
    }
  };

/**
 * A method of the door: lets the caller in with the scope `send`, then answers what `handle` makes of the request. A call
 * whose deadline has passed, or that was cancelled, is not begun.
 */
export const unaryMethod =
  <Request, Response>(
    settings: CallSettings,
    handle: (request: Request, caller: Caller) => Promise<Response>,
  ): ((call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>) => void) =>
  (call, answer) => {
    const run = async (): Promise<Response> => {
      const key = keyOf(call.metadata);
      const caller =
        settings.isOpen && key === undefined
          ? fleetAdmin
          : await admitCaller(
              {
                key,
                address: addressOf(call.getPeer()),
                onUncounted: (error) => {
                  settings.log.error({ err: error }, 'a call without a valid key could not be counted');
                },
              },
              { scope: 'send', of: 'any account' },
              settings,
            );
      if (call.request instanceof Malformed)
        throw new Refusal('invalid', 'The message is no valid protobuf of this method.');
      return handle(call.request, caller);
    };
    if (call.cancelled || isOver(call.getDeadline())) {
      answer({ code: status.DEADLINE_EXCEEDED, details: 'The deadline had passed before the call was begun.' });
      return;
    }
    run().then(
      (response) => {
        answer(null, response);
      },
      (error: unknown) => {
        answer(faultOf(error, settings.log));
      },
    );
  };

import { FleetError } from '../../shared/errors.ts';

/** Why a door turns a request away; every door says it in its own protocol's words. */
export type RefusalKind =
  'invalid' | 'too-large' | 'in-flight' | 'too-many' | 'not-authenticated' | 'not-allowed' | 'not-found';

export interface RefusalErrors {
  /** JSON pointer (RFC 6901) into the request. */
  readonly pointer: string;
  readonly detail: string;
}

/** Nothing of the request was accepted. The message is a sentence for the caller. */
export class Refusal extends FleetError {
  readonly kind: RefusalKind;
  /** Where the request is at fault; empty when it is not a part of it. */
  readonly errors: readonly RefusalErrors[];
  /** Of `too-many`: when it is worth asking again, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: RefusalKind,
    message: string,
    more: { readonly errors?: readonly RefusalErrors[]; readonly retryAfterMs?: number } = {},
  ) {
    super(`request-${kind}`, message, { retryable: false });
    this.kind = kind;
    this.errors = more.errors ?? [];
    this.retryAfterMs = more.retryAfterMs;
  }
}

/** A refusal of what a request says, part by part. */
export const invalid = (errors: readonly RefusalErrors[]): Refusal =>
  new Refusal('invalid', errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; '), { errors });

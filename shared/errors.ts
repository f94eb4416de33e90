/**
 * Every error of the product, in one list.
 *
 * The class decides what the runtime does with it: an `InfrastructureError` pauses and repeats (it is nobody's attempt),
 * an `InvalidMessageError` goes to the dead letters, a `ConfigError` stops the process before it starts. Anything else
 * that is thrown is a bug. Results that a caller must expect are values (`Outcome`, `DeliveryAnswer`), not errors.
 */
export class FleetError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { readonly retryable: boolean; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable;
  }
}

/** The record itself can never be handled; `code` says why in a word, the message in a sentence. */
export class InvalidMessageError extends FleetError {
  constructor(code: string, message: string, cause?: unknown) {
    super(code, message, { retryable: false, cause });
  }
}

/** Kafka or Postgres is away or too busy. The same work is done again once it is back. */
export class InfrastructureError extends FleetError {
  constructor(code: string, message: string, cause?: unknown) {
    super(code, message, { retryable: true, cause });
  }
}

/** The offset fence and Kafka disagree: going on would miscount, so a person must decide. */
export class FenceError extends FleetError {
  constructor(code: string, message: string) {
    super(code, message, { retryable: false });
  }
}

/** The settings are unusable; the message lists every fault and never a value. */
export class ConfigError extends FleetError {
  constructor(message: string) {
    super('config', message, { retryable: false });
  }
}

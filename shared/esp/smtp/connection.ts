import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { SmtpMessage } from './payload.ts';

/** Where the relay is, and how it is spoken to. */
export interface SmtpPlace {
  readonly host: string;
  readonly port: number;
  /** `implicit`: TLS from the first byte; `starttls`: asked for and insisted on; `none`: in the clear. */
  readonly security: 'implicit' | 'starttls' | 'none';
  readonly login?: { readonly user: string; readonly pass: string } | undefined;
  /** PEM of a certificate that is trusted instead of the public ones. */
  readonly ca?: string | undefined;
}

/**
 * How far a message came before it failed. nodemailer's errors do not tell, and it decides whether the mail may be out:
 * a relay has a message once it saw the dot at its end, and the dot is written only when the content was read to its end.
 */
export type SmtpPhase = 'connect' | 'envelope' | 'content' | 'ended';

interface SmtpRejection {
  readonly recipient: string;
  readonly responseCode: number | undefined;
  readonly response: string;
}

export interface SmtpFailure {
  readonly kind: 'failed';
  readonly phase: SmtpPhase;
  readonly code: string;
  /** The relay's own answer, when it gave one. */
  readonly responseCode?: number | undefined;
  readonly detail: string;
  readonly rejected: readonly SmtpRejection[];
}

export type SmtpResult = { readonly kind: 'taken'; readonly rejected: readonly SmtpRejection[] } | SmtpFailure;

const chunkBytes = 65_536;

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
const textField = (value: unknown, name: string): string | undefined => {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
};

const responseCodeOf = (error: unknown): number | undefined => {
  const code = field(error, 'responseCode');
  return typeof code === 'number' && code >= 200 && code <= 599 ? code : undefined;
};

const rejectionsOf = (source: unknown): readonly SmtpRejection[] => {
  const errors: unknown = field(source, 'rejectedErrors');
  return (Array.isArray(errors) ? (errors as readonly unknown[]) : []).map((error) => ({
    recipient: textField(error, 'recipient') ?? '',
    responseCode: responseCodeOf(error),
    response: textField(error, 'response') ?? '',
  }));
};

/** What nodemailer threw, as data. `originalCode` is the system's own word, where there is one. */
const failureOf = (error: unknown, phase: SmtpPhase): SmtpFailure => ({
  kind: 'failed',
  phase,
  code: textField(error, 'originalCode') ?? textField(error, 'code') ?? 'ESMTP',
  responseCode: responseCodeOf(error),
  detail: textField(error, 'response') ?? textField(error, 'message') ?? 'unknown failure',
  rejected: rejectionsOf(error),
});

/** A failure of our own making: a deadline that passed, a pool that is closed. */
export const smtpFailure = (phase: SmtpPhase, code: string, detail: string): SmtpFailure => ({
  kind: 'failed',
  phase,
  code,
  detail,
  rejected: [],
});

/** Connects, secures and logs in; never rejects. The connection is ready for a message, or there is none. */
export const openSmtp = (place: SmtpPlace, timeoutMs: number): Promise<SMTPConnection | SmtpFailure> =>
  new Promise((resolve) => {
    const connection = new SMTPConnection({
      host: place.host,
      port: place.port,
      secure: place.security === 'implicit',
      requireTLS: place.security === 'starttls',
      ignoreTLS: place.security === 'none',
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      socketCloseTimeout: 0,
      allowInternalNetworkInterfaces: true,
      ...(place.ca === undefined ? {} : { tls: { ca: place.ca } }),
    });
    const fail = (failure: SmtpFailure) => {
      clearTimeout(timer);
      // Before the closing, which ends in here again.
      resolve(failure);
      connection.close();
    };
    const timer = setTimeout(() => {
      fail(smtpFailure('connect', 'ECONNECTTIMEOUT', `no session within ${timeoutMs} ms`));
    }, timeoutMs);
    const succeed = () => {
      clearTimeout(timer);
      resolve(connection);
    };
    // Stays for the life of the connection: an error without a listener would end the process.
    connection.on('error', (error) => {
      fail(failureOf(error, 'connect'));
    });
    connection.on('end', () => {
      fail(smtpFailure('connect', 'ECONNECTION', 'the connection was closed'));
    });
    connection.connect((error) => {
      if (error) {
        fail(failureOf(error, 'connect'));
        return;
      }
      if (place.login === undefined) {
        succeed();
        return;
      }
      connection.login({ ...place.login }, (refused) => {
        if (refused) fail(failureOf(refused, 'connect'));
        else succeed();
      });
    });
  });

/**
 * Hands one message over on an open connection, once; never rejects. After the deadline the connection is destroyed, so
 * that no dot can follow.
 */
export const handOver = (connection: SMTPConnection, message: SmtpMessage, timeoutMs: number): Promise<SmtpResult> =>
  new Promise((resolve) => {
    let phase: SmtpPhase = 'envelope';
    let at = 0;
    // By hand, and not from a generator: this stands in the way of every message.
    const body = new Readable({
      highWaterMark: chunkBytes,
      read() {
        phase = 'content';
        this.push(message.raw.subarray(at, at + chunkBytes));
        at += chunkBytes;
        if (at < message.raw.length) return;
        phase = 'ended';
        this.push(null);
      },
    });
    const timer = setTimeout(() => {
      resolve(smtpFailure(phase, 'ETIMEDOUT', `no whole answer within ${timeoutMs} ms`));
      connection.close();
    }, timeoutMs);
    const { from, to } = message.envelope;
    const envelope = { from, to: [...to], size: message.raw.length };
    connection.send(envelope, body, (error, info) => {
      clearTimeout(timer);
      resolve(error ? failureOf(error, phase) : { kind: 'taken', rejected: rejectionsOf(info) });
    });
  });

/** Whether the relay still answers; the connection is as new afterwards, or destroyed. Never rejects. */
export const resetSession = (connection: SMTPConnection, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const settle = (alive: boolean) => {
      clearTimeout(timer);
      connection.off('end', onEnd);
      if (!alive) connection.close();
      resolve(alive);
    };
    const onEnd = () => {
      settle(false);
    };
    const timer = setTimeout(onEnd, timeoutMs);
    connection.once('end', onEnd);
    connection.reset((error) => {
      settle(!error);
    });
  });

/** Says goodbye and closes; waits for the relay's answer no longer than `timeoutMs`. */
export const quitSession = (connection: SMTPConnection, timeoutMs: number): Promise<void> =>
  new Promise((resolve) => {
    if (connection.destroyed) {
      resolve();
      return;
    }
    const timer = setTimeout(() => {
      connection.close();
    }, timeoutMs);
    connection.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    connection.quit();
  });

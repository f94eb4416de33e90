import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { SendOptions } from '../esp.ts';
import {
  handOver,
  openSmtp,
  quitSession,
  resetSession,
  smtpFailure,
  type SmtpFailure,
  type SmtpPlace,
  type SmtpResult,
} from './connection.ts';
import type { SmtpMessage } from './payload.ts';

// nodemailer's own pool opens a connection only for a message that waits, and lets it go after some quiet minutes. Ours
// holds them: logged in before the first message, looked after while idle, replaced when one dies.

export interface SmtpPool {
  /** Opens all connections now, and keeps them open from then on. */
  warmUp(): void;
  /** Hands one message over; never rejects. On a connection that had died while idle it is sent again on another. */
  send(message: SmtpMessage, options: SendOptions): Promise<SmtpResult>;
  /** Finishes what is in hand, then says goodbye to the relay. */
  close(): Promise<void>;
}

interface Waiter {
  readonly take: (line: SMTPConnection | SmtpFailure) => void;
}

const openTimeoutMs = 10_000;
// Relays end idle sessions after some minutes (RFC 5321 §4.5.3.2.7 asks for five).
const keepAliveMs = 30_000;
const quitTimeoutMs = 1_000;
const firstReopenMs = 250;
const slowestReopenMs = 30_000;

export const createSmtpPool = (place: SmtpPlace, size: number): SmtpPool => {
  const idle: { readonly connection: SMTPConnection; readonly since: number }[] = [];
  const waiters: Waiter[] = [];
  let busy = 0;
  let opening = 0;
  let isWarm = false;
  let isClosed = false;
  let reopenMs = firstReopenMs;
  let reopenTimer: NodeJS.Timeout | undefined;
  let lastFailure: SmtpFailure | undefined;
  let onDrained: (() => void) | undefined;

  const settleIfDrained = (): void => {
    if (busy + opening + waiters.length === 0) onDrained?.();
  };

  const offer = (connection: SMTPConnection): void => {
    const waiter = waiters.shift();
    if (waiter === undefined) idle.push({ connection, since: performance.now() });
    else {
      busy += 1;
      waiter.take(connection);
    }
  };

  const reopenLater = (): void => {
    if (isClosed || reopenTimer !== undefined) return;
    reopenTimer = setTimeout(() => {
      reopenTimer = undefined;
      fill();
    }, reopenMs);
    reopenTimer.unref();
    reopenMs = Math.min(2 * reopenMs, slowestReopenMs);
  };

  const openOne = async (): Promise<void> => {
    opening += 1;
    const opened = await openSmtp(place, openTimeoutMs);
    opening -= 1;
    if ('kind' in opened) {
      lastFailure = opened;
      // Whoever waits may still get a connection that somebody gives back; with none left, nobody will come.
      if (busy + opening === 0) for (const waiter of waiters.splice(0)) waiter.take(opened);
      reopenLater();
    } else {
      lastFailure = undefined;
      reopenMs = firstReopenMs;
      opened.once('end', () => {
        const place = idle.findIndex(({ connection }) => connection === opened);
        if (place === -1) return;
        idle.splice(place, 1);
        // At once, the message after next may need it; a relay that ends every session is met with the growing pause.
        if (isWarm) reopenLater();
      });
      offer(opened);
    }
    settleIfDrained();
  };

  function fill(): void {
    if (isClosed) return;
    const missing = size - idle.length - busy - opening;
    for (let count = 0; count < missing; count += 1) void openOne();
  }

  const giveBack = (connection: SMTPConnection): void => {
    busy -= 1;
    if (connection.destroyed) {
      if (isWarm || waiters.length > 0) fill();
    } else offer(connection);
    settleIfDrained();
  };

  const acquire = (timeoutMs: number): Promise<SMTPConnection | SmtpFailure> => {
    const free = idle.shift();
    if (free !== undefined) {
      busy += 1;
      return Promise.resolve(free.connection);
    }
    return new Promise((resolve) => {
      const waiter: Waiter = {
        take: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
      const timer = setTimeout(() => {
        waiters.splice(waiters.indexOf(waiter), 1);
        resolve(
          lastFailure ?? smtpFailure('connect', 'ECONNECTTIMEOUT', `no connection was free within ${timeoutMs} ms`),
        );
        settleIfDrained();
      }, timeoutMs);
      waiters.push(waiter);
      // A relay that grants fewer connections than we want is asked again by the timer, not by every message.
      if (reopenTimer === undefined || busy + opening === 0) fill();
    });
  };

  const lookAfter = async (connection: SMTPConnection): Promise<void> => {
    busy += 1;
    await resetSession(connection, openTimeoutMs);
    giveBack(connection);
  };

  const keepAlive = setInterval(() => {
    const before = performance.now() - keepAliveMs;
    const quiet = idle.filter(({ since }) => since <= before);
    for (const line of quiet) {
      idle.splice(idle.indexOf(line), 1);
      void lookAfter(line.connection);
    }
  }, keepAliveMs / 2);
  keepAlive.unref();

  const warmUp = (): void => {
    isWarm = true;
    fill();
  };

  const sendOnce = async (message: SmtpMessage, options: SendOptions, deadline: number): Promise<SmtpResult> => {
    const line = await acquire(Math.max(1, Math.min(options.connectTimeoutMs, deadline - performance.now())));
    if ('kind' in line) return line;
    // A process that was stopped meanwhile must not begin what its claim no longer covers.
    if (performance.now() >= deadline) {
      giveBack(line);
      return smtpFailure('connect', 'ECONNECTTIMEOUT', 'a connection was free only after the deadline');
    }
    const result = await handOver(line, message, Math.max(1, deadline - performance.now()));
    // After a refusal the session still holds the refused envelope; the answer need not wait for it to be forgotten.
    if (result.kind === 'failed' && !line.destroyed) {
      void resetSession(line, options.connectTimeoutMs).then(() => {
        giveBack(line);
      });
    } else giveBack(line);
    return result;
  };

  /** Before its content began a message cannot have been taken, and the relay said nothing about it. */
  const diedBefore = (result: SmtpResult): boolean =>
    result.kind === 'failed' &&
    result.phase === 'envelope' &&
    result.code !== 'ETIMEDOUT' &&
    (result.responseCode === undefined || result.responseCode === 421) &&
    !['EENVELOPE', 'EMESSAGE'].includes(result.code);

  return {
    warmUp,
    send: async (message, options) => {
      if (isClosed) return smtpFailure('connect', 'ECLOSED', 'the connections are closed');
      if (!isWarm) warmUp();
      const deadline = performance.now() + options.totalTimeoutMs;
      let result = await sendOnce(message, options, deadline);
      // After a restart of the relay every warm connection is dead; the one after them is new.
      for (let again = 0; again < size && diedBefore(result) && performance.now() < deadline; again += 1) {
        result = await sendOnce(message, options, deadline);
      }
      return result;
    },
    close: async () => {
      isClosed = true;
      clearInterval(keepAlive);
      clearTimeout(reopenTimer);
      await new Promise<void>((resolve) => {
        onDrained = resolve;
        settleIfDrained();
      });
      await Promise.all(idle.splice(0).map(({ connection }) => quitSession(connection, quitTimeoutMs)));
    },
  };
};

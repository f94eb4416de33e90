import { isIP } from 'node:net';
import { ConfigError } from '../../errors.ts';
import type { Delivery, DeliveryAnswer, Esp, SendOptions } from '../esp.ts';
import { refusal } from '../outcome-of.ts';
import { smtpAnswer } from './answer.ts';
import type { SmtpPlace } from './connection.ts';
import { smtpMessage, type SmtpMessage } from './payload.ts';
import { createSmtpPool } from './pool.ts';

export interface SmtpSettings {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** `auto`: TLS from the start on port 465, else STARTTLS, and in the clear only to this machine. */
  readonly secure: 'auto' | 'implicit' | 'starttls' | 'none';
  readonly connections: number;
  /** PEM of the relay's own certificate authority; the public ones when not given. */
  readonly ca?: string | undefined;
}

const implicitTlsPort = 465;
// What a relay announces with SIZE counts; this only keeps absurd messages from being built.
const bytesPerCall = 50_000_000;

// While every connection is busy, the next messages are made: a connection then waits for the relay and for nothing else.
const madeAhead = 2;

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

const securityOf = ({ host, port, secure }: SmtpSettings): SmtpPlace['security'] => {
  if (secure === 'none' && !isLoopback(host)) {
    throw new ConfigError('SMTP_SECURE: mail and password may go in the clear only to this machine itself');
  }
  if (secure !== 'auto') return secure;
  if (port === implicitTlsPort) return 'implicit';
  return isLoopback(host) ? 'none' : 'starttls';
};

/**
 * One SMTP relay over connections that are held open and logged in.
 * Throws `ConfigError` when the settings would send a password over the network in the clear.
 */
export const createSmtp = (settings: SmtpSettings): Esp => {
  const { name, host, port, user, pass, ca, connections } = settings;
  const login = user === undefined || pass === undefined ? undefined : { user, pass };
  const pool = createSmtpPool({ host, port, security: securityOf(settings), login, ca }, connections);

  const sendOne = async (delivery: Delivery, options: SendOptions): Promise<DeliveryAnswer> => {
    let message: SmtpMessage;
    try {
      message = await smtpMessage(delivery, new Date());
    } catch (error) {
      return refusal('content', 'EMESSAGE', error instanceof Error ? error.message : 'the message cannot be built');
    }
    return smtpAnswer(await pool.send(message, options), message);
  };

  return {
    name,
    kind: 'smtp',
    limits: { deliveriesPerCall: 1, bytesPerCall, oneContentPerCall: false, concurrentCalls: connections + madeAhead },
    warmUp: () => {
      pool.warmUp();
    },
    send: (deliveries, options) => Promise.all(deliveries.map((delivery) => sendOne(delivery, options))),
    close: () => pool.close(),
  };
};

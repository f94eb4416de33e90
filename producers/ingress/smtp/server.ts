// The SMTP door: submission (RFC 6409) with an API key for a password. A message is on Kafka when 250 is answered.
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { FleetError } from '../../../shared/errors.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import { admitCaller, type Guards } from '../admit.ts';
import { parseAddress } from '../../../shared/domain/email-address.ts';
import { Refusal, type RefusalKind } from '../refusal.ts';
import { submitEmail, type Submitting } from '../submit-email.ts';
import { readMessage } from './read-message.ts';

export interface SmtpSettings {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Largest message as it comes, in bytes. */
  readonly maxBytes: number;
  /** PEM; with it STARTTLS is offered. */
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** Whether a key may be told in the clear: on this machine alone. */
  readonly isLoopback: boolean;
  readonly log: Logger;
}

export interface SmtpDoor {
  readonly port: number;
  /** Takes no new sessions and ends those that are open, once what they are at is answered. */
  close(): Promise<void>;
}

const mostRecipients = 1_000;
const mostSessions = 500;
const idleMs = 60_000;

const replies: Readonly<Record<RefusalKind, readonly [code: number, enhanced: string]>> = {
  invalid: [550, '5.6.0'],
  'too-large': [552, '5.3.4'],
  'in-flight': [451, '4.3.0'],
  'too-many': [451, '4.7.1'],
  'not-authenticated': [535, '5.7.8'],
  'not-allowed': [550, '5.7.1'],
  'not-found': [550, '5.6.0'],
};

const reply = (code: number, text: string): Error => Object.assign(new Error(text), { responseCode: code });

// One line, without what would end it: it may quote the client's own words.
const line = (text: string): string => text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 400);

const replyOf = (error: unknown, log: Logger): Error => {
  if (error instanceof Refusal) {
    const [code, enhanced] = replies[error.kind];
    return reply(
      code,
      `${enhanced} ${line(error.kind === 'not-authenticated' ? 'The key is not valid' : error.message)}`,
    );
  }
  if (error instanceof FleetError && error.retryable) return reply(451, '4.3.0 Not confirmed in time, send it again');
  log.error({ err: error }, 'a message over SMTP failed');
  return reply(451, '4.3.0 An unexpected fault; it was noted');
};

const readAll = async (stream: SMTPServerDataStream): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  // Read to its end even when it is too long: the client hears nothing before.
  for await (const chunk of stream) if (!stream.sizeExceeded && Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** Starts the door. Throws when the port is taken. */
export const startSmtp = async (door: Submitting, guards: Guards, settings: SmtpSettings): Promise<SmtpDoor> => {
  const { log } = settings;
  // What a session signed in with: asked again for each message, so that a revoked key ends here too.
  const keys = new Map<string, string>();

  const admit = (key: string | null | undefined, session: SMTPServerSession) =>
    admitCaller(
      {
        key: key ?? undefined,
        address: session.remoteAddress,
        onUncounted: (error) => {
          log.error({ err: error }, 'a session without a valid key could not be counted');
        },
      },
      { scope: 'send', of: 'any account' },
      guards,
    );

  const take = async (stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> => {
    const raw = await readAll(stream);
    if (stream.sizeExceeded) {
      throw new Refusal('too-large', `The message is larger than the ${settings.maxBytes} bytes that are taken.`);
    }
    const caller = await admit(keys.get(session.id), session);
    const { mailFrom, rcptTo } = session.envelope;
    const request = await readMessage(raw, {
      from: mailFrom === false ? '' : mailFrom.address,
      to: rcptTo.map(({ address }) => address),
    });
    return (await submitEmail(door, caller, request)).requestId;
  };

  const server = new SMTPServer({
    name: 'mailfleet',
    banner: 'mailfleet submission',
    size: settings.maxBytes,
    ...(settings.tls ?? {}),
    hideSTARTTLS: settings.tls === undefined,
    allowInsecureAuth: settings.isLoopback,
    authMethods: ['PLAIN', 'LOGIN'],
    authOptional: false,
    disableReverseLookup: true,
    maxClients: mostSessions,
    socketTimeout: idleMs,
    closeTimeout: 5_000,
    logger: false,
    onAuth: ({ password }, session, done) => {
      admit(password, session).then(
        (caller) => {
          keys.set(session.id, password ?? '');
          done(null, { user: caller.accountId });
        },
        (error: unknown) => {
          done(replyOf(error, log));
        },
      );
    },
    onMailFrom: ({ address }, _session, done) => {
      if (address === '' || parseAddress(address) !== undefined) done();
      else done(reply(553, '5.1.7 The sender is not a valid address'));
    },
    onRcptTo: ({ address }, session, done) => {
      if (session.envelope.rcptTo.length >= mostRecipients) {
        done(reply(452, `4.5.3 At most ${mostRecipients} recipients a message; send the rest in another`));
      } else if (/[<>,;]/.test(address) || parseAddress(address) === undefined) {
        done(reply(553, '5.1.3 The recipient is not a valid address'));
      } else done();
    },
    onData: (stream, session, done) => {
      take(stream, session).then(
        (requestId) => {
          done(null, `2.0.0 OK: queued as ${requestId}`);
        },
        (error: unknown) => {
          // What is left of the message must be read before an answer can be heard.
          stream.resume();
          done(replyOf(error, log));
        },
      );
    },
    onClose: (session) => {
      keys.delete(session.id);
    },
  });
  // A client that breaks off is the client's affair.
  server.on('error', (error: Error) => {
    log.debug({ err: error }, 'an SMTP session broke off');
  });
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(settings.port, settings.host, () => {
      server.server.off('error', reject);
      resolve();
    });
  });
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : settings.port,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
      }),
  };
};

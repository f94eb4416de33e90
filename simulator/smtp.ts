import { generateKeyPairSync } from 'node:crypto';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Settings } from './control.ts';
import { calmSettings } from './control.ts';
import type { Random } from './random.ts';
import { selfSignedCertificate } from './self-signed.ts';
import type { AcceptedMessage } from './simulated-esp.ts';
import { packTransaction, readTransaction } from './smtp-message.ts';

export interface SmtpOptions {
  /** In the clear, with STARTTLS offered. 0 turns it off, `any` takes a free port. */
  readonly port: number | 'any';
  /** TLS from the first byte, with a certificate of its own making. 0 turns it off. */
  readonly securePort: number | 'any';
  /** What callers must show; undefined takes any and none. */
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
}

/** The relay: it takes mail and tells nothing of what becomes of it. */
export const smtpRelay = {
  kind: 'smtp',
  defaults: { ...calmSettings, delivered: 0, bounced: 0, opened: 0, clicked: 0, complained: 0 },
  render: (body: Buffer): Promise<readonly AcceptedMessage[]> => readTransaction(body),
} as const;

export interface SmtpStation {
  /** Listens on what is turned on; answers the ports, undefined for one that is off. */
  listen(host: string): Promise<SmtpPorts>;
  ports(): SmtpPorts;
  /** Sessions since the start or the last reset, and those that are open. */
  connections(): { readonly opened: number; readonly open: number };
  /** Messages begun (MAIL) since the start or the last reset, whatever became of them. */
  transactions(): number;
  resetCounts(): void;
  /** Breaks every open session as a power cut would. */
  dropConnections(): void;
  /** The certificate of both ports, PEM. */
  readonly certificate: string;
  close(): Promise<void>;
}

export interface SmtpPorts {
  readonly port: number | undefined;
  readonly securePort: number | undefined;
}

const maxBytes = 50 * 1024 * 1024;

const reply = (responseCode: number, message: string): Error => Object.assign(new Error(message), { responseCode });

/** An SMTP relay on smtp-server. `accept` is told of a message before the relay answers for it. */
export const createSmtpStation = (
  options: SmtpOptions,
  deps: { readonly settings: () => Settings; readonly random: Random; readonly accept: (body: Buffer) => void },
): SmtpStation => {
  const { settings, random, accept } = deps;
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const certificate = selfSignedCertificate(key, ['localhost', '127.0.0.1']);
  const asksForLogin = options.user !== undefined || options.pass !== undefined;
  let opened = 0;
  let begun = 0;
  let ports: SmtpPorts = { port: undefined, securePort: undefined };

  const fault = (): Error | undefined => {
    const { outage, rate429, rate503 } = settings();
    if (outage || random() < rate503) return reply(421, '4.3.2 Service not available, closing transmission channel');
    return random() < rate429 ? reply(451, '4.7.1 Too much mail, try again later') : undefined;
  };

  const wiring: SMTPServerOptions = {
    key,
    cert: certificate,
    size: maxBytes,
    authOptional: !asksForLogin,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    closeTimeout: 100,
    logger: false,
    onConnect: (_session, done) => {
      opened += 1;
      done(settings().outage ? reply(421, '4.3.2 Service not available') : null);
    },
    onAuth: ({ username, password }, _session, done) => {
      if (!asksForLogin || (username === options.user && password === options.pass)) done(null, { user: username });
      else done(reply(535, '5.7.8 Authentication credentials invalid'));
    },
    onMailFrom: (_address, session, done) => {
      begun += 1;
      if (random() < settings().resetBefore) {
        dropSession(session.id);
        return;
      }
      done(fault());
    },
    onRcptTo: ({ address }, _session, done) => {
      // Mailboxes of these names stand for one that is not there and one that is busy.
      if (address.startsWith('unknown@') || random() < settings().partialSuccess)
        done(reply(550, '5.1.1 No such user'));
      else if (address.startsWith('busy@')) done(reply(450, '4.2.1 Mailbox busy'));
      else done();
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { rate500, acceptThenHang, acceptThenReset, latencyMs, jitterMs } = settings();
        if (stream.sizeExceeded) {
          done(reply(552, '5.3.4 Message too big'));
          return;
        }
        if (random() < rate500) {
          done(reply(554, '5.3.0 Transaction failed'));
          return;
        }
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        accept(packTransaction({ from, to: rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks) }));
        if (random() < acceptThenHang) return;
        if (random() < acceptThenReset) {
          dropSession(session.id);
          return;
        }
        setTimeout(
          () => {
            done(null, `2.0.0 Ok: queued as ${session.id}`);
          },
          latencyMs + random() * jitterMs,
        );
      });
    },
  };

  const servers = {
    port: options.port === 0 ? undefined : new SMTPServer(wiring),
    securePort: options.securePort === 0 ? undefined : new SMTPServer({ ...wiring, secure: true }),
  };
  const running = [servers.port, servers.securePort].filter((server) => server !== undefined);
  // A client that breaks off is the client's affair.
  for (const server of running) server.on('error', () => undefined);

  const sessions = () => running.flatMap((server) => [...server.connections]);
  const dropSession = (id: string): void => {
    for (const { session, _socket: socket } of sessions()) {
      if (session.id !== id) continue;
      if ('resetAndDestroy' in socket) socket.resetAndDestroy();
    }
  };
  const dropConnections = (): void => {
    for (const { _socket: socket } of sessions()) socket.destroy();
  };

  const listenOn = (
    server: SMTPServer | undefined,
    port: number | 'any',
    host: string,
  ): Promise<number | undefined> | undefined =>
    server &&
    new Promise((resolve, reject) => {
      server.once('error', reject);
      const listener = server.listen(port === 'any' ? 0 : port, host, () => {
        const address = listener.address();
        resolve(typeof address === 'object' && address !== null ? address.port : undefined);
      });
    });

  return {
    certificate,
    listen: async (host) => {
      ports = {
        port: await listenOn(servers.port, options.port, host),
        securePort: await listenOn(servers.securePort, options.securePort, host),
      };
      return ports;
    },
    ports: () => ports,
    connections: () => ({ opened, open: sessions().length }),
    transactions: () => begun,
    resetCounts: () => {
      begun = 0;
      opened = 0;
    },
    dropConnections,
    close: async () => {
      dropConnections();
      await Promise.all(
        running.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(resolve);
            }),
        ),
      );
    },
  };
};

import { createRequire } from 'node:module';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A proxy before one port, which can cut what goes through it. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that were cut up to now. */
  readonly cuts: number;
  /** Lets the next `count` answers of the far side vanish, each with its connection: done, but nobody is told. */
  dropResponses(count: number): void;
  close(): Promise<void>;
}

// Not the namespace import: Kafka's client looks `connect` up on this object at every call.
const net = createRequire(import.meta.url)('node:net') as { connect: (...given: unknown[]) => Socket };

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port);
    });
  });

/** Starts a proxy before a port of this machine. */
export const startTcpProxy = async (targetPort: number): Promise<TcpProxy> => {
  const directly = net.connect;
  const sockets = new Set<Socket>();
  let toDrop = 0;
  let cuts = 0;
  const server = createServer((near) => {
    const far = directly({ host: '127.0.0.1', port: targetPort });
    const cut = (): void => {
      near.resetAndDestroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    near.pipe(far);
    far.on('data', (chunk) => {
      if (toDrop > 0) {
        toDrop -= 1;
        cuts += 1;
        cut();
      } else near.write(chunk);
    });
  });
  const port = await listen(server);
  return {
    port,
    get cuts() {
      return cuts;
    },
    dropResponses: (count) => {
      toDrop = count;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
};

/**
 * Sends every new connection of this process to `fromPort` through the proxy instead: a broker tells its clients where it
 * is, so that no setting of theirs would do. Answers what ends it.
 */
export const redirectConnections = (fromPort: number, proxy: TcpProxy): (() => void) => {
  const directly = net.connect;
  net.connect = (...given) => {
    const [options, ...rest] = given;
    const isMeant = typeof options === 'object' && options !== null && 'port' in options && options.port === fromPort;
    return isMeant ? directly({ ...options, port: proxy.port }, ...rest) : directly(...given);
  };
  return () => {
    net.connect = directly;
  };
};

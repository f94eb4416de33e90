import { createRequire } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import { produceAnswers } from './kafka-frames.ts';

/** How a proxy treats what goes through it. */
export type ProxyMode =
  | { readonly kind: 'pass' }
  /** Everything takes so much longer, each way. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Connections stand, and nothing goes through them; what was held goes on afterwards, as after a lost route. */
  | { readonly kind: 'black-hole' }
  /** Standing connections are reset, new ones refused. */
  | { readonly kind: 'refuse' }
  /** The far side's answers come a byte at a time. */
  | { readonly kind: 'drip'; readonly msPerByte: number };

/** A proxy before one port, whose behaviour can be switched while connections stand. */
export interface CutProxy {
  readonly port: number;
  /** Connections that were cut, and answers that were lost, up to now. */
  readonly cuts: number;
  /** Connections that were made up to now. */
  readonly connections: number;
  /** Resolves when the mode holds. */
  mode(mode: ProxyMode): Promise<void>;
  /** Lets the next `count` answers of the far side vanish, each with its connection: done, but nobody is told. */
  dropResponses(count: number): void;
  /**
   * For a broker: loses this share of the answers to produce requests, as `random` (0–1) has it. `cut`: with their
   * connection; `silent`: the connection stands, and the answer never comes.
   */
  dropProduceAnswers(share: number, random: () => number, how: 'cut' | 'silent'): void;
  /** Resets every connection that stands. */
  reset(): void;
  close(): Promise<void>;
}

// Not the namespace import: Kafka's client looks `connect` up on this object at every call.
const net = createRequire(import.meta.url)('node:net') as { connect: (...given: unknown[]) => Socket };

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('the proxy has no port'));
      else resolve(address.port);
    });
  });

interface Pair {
  readonly cut: () => void;
  /** Takes over a mode that was just set. */
  readonly apply: () => void;
}

/** Starts a proxy before a port of this machine; `port` names its own, any by default. */
export const startCutProxy = async (
  targetPort: number,
  options: { readonly port?: number } = {},
): Promise<CutProxy> => {
  const directly = net.connect;
  const pairs = new Set<Pair>();
  let mode: ProxyMode = { kind: 'pass' };
  let toDrop = 0;
  let losses: { readonly share: number; readonly random: () => number; readonly how: 'cut' | 'silent' } | undefined;
  let cuts = 0;
  let connections = 0;

  const serve = (near: Socket): void => {
    connections += 1;
    const far = directly({ host: '127.0.0.1', port: targetPort });
    let isCut = false;
    const watch = produceAnswers();
    const pair: Pair = {
      cut: () => {
        if (isCut) return;
        isCut = true;
        pairs.delete(pair);
        near.resetAndDestroy();
        far.destroy();
      },
      apply: () => {
        for (const socket of [near, far]) {
          if (mode.kind === 'black-hole') socket.pause();
          else socket.resume();
        }
      },
    };
    pairs.add(pair);
    for (const socket of [near, far]) {
      socket.on('error', pair.cut);
      socket.on('close', pair.cut);
    }
    // A queue each way, so that a delay never changes an order.
    const later = (write: (chunk: Buffer) => void) => {
      let last = Promise.resolve();
      return (chunk: Buffer): void => {
        const { kind } = mode;
        const waitMs = mode.kind === 'delay' ? mode.ms : 0;
        const drip = mode.kind === 'drip' ? mode.msPerByte : 0;
        last = last.then(async () => {
          if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
          if (kind !== 'drip') write(chunk);
          else {
            for (const byte of chunk) {
              if (isCut) return;
              write(Buffer.of(byte));
              await new Promise((resolve) => setTimeout(resolve, drip));
            }
          }
        });
      };
    };
    const toFar = later((chunk) => {
      if (!isCut) far.write(chunk);
    });
    const toNear = later((chunk) => {
      if (!isCut) near.write(chunk);
    });
    near.on('data', (chunk: Buffer) => {
      if (losses !== undefined) watch.asked(chunk);
      // Only answers drip: a request that drips would never have been begun by anybody.
      if (mode.kind === 'drip') far.write(chunk);
      else toFar(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      if (toDrop > 0) {
        toDrop -= 1;
        cuts += 1;
        pair.cut();
        return;
      }
      if (losses === undefined) {
        toNear(chunk);
        return;
      }
      for (const { frame, isProduce } of watch.answered(chunk)) {
        if (!isProduce || losses.random() >= losses.share) toNear(frame);
        else {
          cuts += 1;
          if (losses.how === 'cut') pair.cut();
        }
      }
    });
    near.on('end', () => far.end());
    far.on('end', () => near.end());
    pair.apply();
  };

  const cutAll = (): void => {
    for (const pair of [...pairs]) {
      cuts += 1;
      pair.cut();
    }
  };
  const open = async (port: number): Promise<Server> => {
    const next = createServer({ allowHalfOpen: true }, serve);
    await listen(next, port);
    return next;
  };
  let server: Server | undefined = await open(options.port ?? 0);
  const address = server.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  const shut = async (): Promise<void> => {
    const old = server;
    server = undefined;
    const closed = new Promise<void>((resolve) => {
      if (old === undefined) resolve();
      else
        old.close(() => {
          resolve();
        });
    });
    cutAll();
    await closed;
  };

  return {
    port,
    get cuts() {
      return cuts;
    },
    get connections() {
      return connections;
    },
    mode: async (next) => {
      mode = next;
      if (next.kind === 'refuse') await shut();
      else {
        server ??= await open(port);
        for (const pair of pairs) pair.apply();
      }
    },
    dropResponses: (count) => {
      toDrop = count;
    },
    dropProduceAnswers: (share, random, how) => {
      // Connections that stand are cut: in the middle of one nobody knows where its frames begin.
      if (share > 0 !== (losses !== undefined)) cutAll();
      losses = share > 0 ? { share, random, how } : undefined;
    },
    reset: cutAll,
    close: async () => {
      await shut();
    },
  };
};

/**
 * Sends every new connection of this process to `fromPort` through the proxy instead: a broker tells its clients where it
 * is, so that no setting of theirs would do. Answers what ends it.
 */
export const redirectConnections = (fromPort: number, proxy: CutProxy): (() => void) => {
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

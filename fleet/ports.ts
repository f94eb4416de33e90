import { createServer } from 'node:net';

/** A port that the fleet is about to listen on, and the variable that moves it. */
export interface PortUse {
  readonly port: number;
  readonly host: string;
  readonly variable: string;
  readonly user: string;
}

const listens = (port: number, host: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ port, host, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });

const remedy = ({ port, variable }: PortUse): string => {
  const other = port >= 64_536 ? port - 1000 : port + 1000;
  return `Move it with ${variable}, for example: ${variable}=${other} npm start`;
};

const faultOf = (use: PortUse, code: string): string => {
  const place = `Port ${use.port} for ${use.user}`;
  if (code === 'EADDRINUSE') return `${place} is taken by another program. ${remedy(use)}`;
  if (code === 'EACCES') return `${place} may not be opened by this user. ${remedy(use)}`;
  return `${place} cannot be opened on ${use.host} (${code}).`;
};

/** Two parts of the fleet that were given the same port, a sentence each. Port 0 means any and never clashes. */
const portClashes = (uses: readonly PortUse[]): string[] =>
  uses.flatMap((use, index) => {
    const earlier = uses.slice(0, index).find((other) => other.port === use.port && use.port !== 0);
    return earlier === undefined
      ? []
      : [`Port ${use.port} is given to both ${earlier.user} and ${use.user}. ${remedy(use)}`];
  });

/** Everything that stands against opening these ports, a sentence each with its remedy. */
export const portFaults = async (uses: readonly PortUse[]): Promise<string[]> => {
  const codes = await Promise.all(uses.map(({ port, host }) => listens(port, host)));
  const refused = uses.flatMap((use, index) => {
    const code = codes[index];
    return code === undefined ? [] : [{ use, code }];
  });
  // One variable moves all its ports, so the first of them says it.
  const taken = refused
    .filter(({ use }, index) => refused.findIndex((other) => other.use.variable === use.variable) === index)
    .map(({ use, code }) => faultOf(use, code));
  // Our own two probes of one port would look like a foreign program.
  const clashes = portClashes(uses);
  return clashes.length > 0 ? clashes : taken;
};

/** A port that is free now: for tests, which must not meet a fleet that runs beside them. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port was given'));
        else resolve(address.port);
      });
    });
  });

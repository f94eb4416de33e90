import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { freePort, portFaults, type PortUse } from '../../fleet/ports.ts';

const use = (port: number, variable = 'PORT', user = 'the ingress'): PortUse => ({
  port,
  host: '127.0.0.1',
  variable,
  user,
});

const listenOn = (port: number): Promise<() => Promise<void>> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => {
      resolve(
        () =>
          new Promise((closed) => {
            server.close(() => {
              closed();
            });
          }),
      );
    });
  });

describe('the ports that a fleet is about to open', () => {
  test('are fine when nobody has them', async () => {
    expect(await portFaults([use(await freePort())])).toEqual([]);
  });

  test('are named with the variable that moves them when somebody has them', async () => {
    const port = await freePort();
    const close = await listenOn(port);
    try {
      const [fault] = await portFaults([use(port)]);
      expect(fault).toContain(`Port ${port} for the ingress is taken`);
      expect(fault).toMatch(/Move it with PORT, for example: PORT=\d+ npm start/);
    } finally {
      await close();
    }
  });

  test('may not be given to two parts', async () => {
    const port = await freePort();
    const faults = await portFaults([use(port), use(port, 'SIMULATOR_PORT', 'the simulator')]);
    expect(faults).toEqual([expect.stringContaining('both the ingress and the simulator')]);
  });
});

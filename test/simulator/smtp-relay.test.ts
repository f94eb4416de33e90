import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { createSmtpStation } from '../../simulator/smtp.ts';
import { startSimulator, type TestSimulator } from './start-simulator.ts';

describe('The simulated relay', () => {
  let simulator: TestSimulator;
  beforeAll(async () => {
    simulator = await startSimulator();
  });
  afterAll(() => simulator.close());

  it('is counted and steered like an ESP', async () => {
    const counts = (await (await fetch(`${simulator.address}/counts`)).json()) as Record<string, unknown>;
    expect(counts['smtp']).toEqual({ calls: 0, accepted: 0, pendingWebhooks: 0, connections: { opened: 0, open: 0 } });
    await simulator.control('smtp', { outage: true });
    const settings = (await (await fetch(`${simulator.address}/control/smtp`)).json()) as Record<string, unknown>;
    expect(settings['outage']).toBe(true);
  });

  it('has a certificate that speaks for this machine', () => {
    const certificate = new X509Certificate(simulator.smtp.certificate);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  });

  it('does not listen on ports that are 0', async () => {
    const station = createSmtpStation(
      { port: 0, securePort: 0 },
      {
        settings: () => {
          throw new Error('nobody calls');
        },
        random: Math.random,
        accept: () => undefined,
      },
    );
    expect(await station.listen('127.0.0.1')).toEqual({ port: undefined, securePort: undefined });
    await station.close();
  });
});

// A process that is killed comes back by itself, under the same address, and the user is told in plain lines.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { waitFor } from '../support/wait-for.ts';

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({ processes: ['simulator', 'webhook-sendgrid'] });
}, 90_000);
afterAll(async () => {
  await fleet.stop();
}, 60_000);

const isReady = async (name: string): Promise<boolean> => (await fetch(`${fleet.adminUrl(name)}/ready`)).ok;

test('a killed process is started again and ready again', async () => {
  const before = fleet.pidOf('webhook-sendgrid');
  expect(await isReady('webhook-sendgrid')).toBe(true);
  expect(fleet.kill('webhook-sendgrid', 'SIGKILL')).toBe(true);

  await waitFor(() => fleet.said.length === 2, { what: 'the supervisor telling of it', deadlineMs: 60_000 });
  expect(fleet.said).toEqual([
    'webhook-sendgrid stopped unexpectedly (signal SIGKILL); starting it again in 0.5 s',
    'webhook-sendgrid is back (attempt 2)',
  ]);
  expect(fleet.pidOf('webhook-sendgrid')).not.toBe(before);
  expect(await isReady('webhook-sendgrid')).toBe(true);
}, 90_000);

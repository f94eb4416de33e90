// R11: one ESP answers 429 with Retry-After. Nobody is lost, it is left alone but for a probe a window, and the others carry
// its mail within 10 s.
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { waitFor } from '../../support/wait-for.ts';
import type { ChaosClient } from '../client.ts';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, steadyTraffic } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

const weights = z.object({ esps: z.array(z.object({ esp: z.string(), weight: z.number(), health: z.string() })) });

const weightOf = async (client: ChaosClient, esp: string): Promise<number> =>
  weights.parse(await client.get('/v1/weights')).esps.find((row) => row.esp === esp)?.weight ?? -1;

const steadily = (client: ChaosClient) =>
  steadyTraffic(client, { round: () => Array.from({ length: 3 }, () => mailTo(20)), callers: 3, pauseMs: 400 });

export const throttlingEsp: Scenario = {
  id: 'R11',
  title: 'one ESP throttles everybody',
  run: async (world, scale) => {
    await world.atLeast('email-send', 3);
    const client = await world.client();
    const windowMs = 30_000;
    const stormMs = sized(scale, 35_000, 65_000, 300_000);
    const traffic = steadily(client);
    await pause(2_000);
    await client.control('sendgrid', { rate429: 1, retryAfterSeconds: windowMs / 1_000 });
    const begunAt = performance.now();
    await waitFor(async () => (await weightOf(client, 'sendgrid')) === 0, {
      what: 'its weight being taken away',
      deadlineMs: 30_000,
    });
    const awayMs = performance.now() - begunAt;
    // The first to hear it have heard it by now.
    const callsBefore = (await client.counts())['sendgrid']?.calls ?? 0;
    await pause(stormMs - awayMs);
    const calls = ((await client.counts())['sendgrid']?.calls ?? 0) - callsBefore;
    await client.control('sendgrid', { rate429: 0 });
    await traffic.stop();
    await world.settle(client);
    const probes = Math.ceil(stormMs / windowMs) + 1;
    const faults = [
      ...(calls > probes ? [`it was called ${calls} times, at most ${probes} may be`] : []),
      ...(awayMs > 12_000 ? [`its weight was taken away after ${Math.round(awayMs)} ms`] : []),
    ];
    return judgeMail(client, {
      faults,
      note: `${calls} calls in ${Math.round((stormMs - awayMs) / 1_000)} s; weight gone after ${Math.round(awayMs)} ms`,
    });
  },
};

// R12: one ESP answers 500 for a while, then is well. What it was handed is unknown until its window is over, the others carry
// its mail, and its weight comes back by and by within two minutes.
export const brokenEsp: Scenario = {
  id: 'R12',
  title: 'one ESP answers 500, then is well',
  run: async (world, scale) => {
    await world.atLeast('email-send', 2);
    const client = await world.client();
    const traffic = steadily(client);
    await pause(2_000);
    await client.control('postmark', { rate500: 1 });
    const begunAt = performance.now();
    await waitFor(async () => (await weightOf(client, 'postmark')) === 0, {
      what: 'its weight being taken away',
      deadlineMs: 30_000,
    });
    const awayMs = performance.now() - begunAt;
    await pause(sized(scale, 3_000, 20_000, 300_000));
    await client.control('postmark', { rate500: 0 });
    const wellAt = performance.now();
    const seen = new Set<number>();
    await waitFor(
      async () => {
        const weight = await weightOf(client, 'postmark');
        seen.add(weight);
        return weight >= 100;
      },
      { what: 'its weight coming back', deadlineMs: 120_000 },
    );
    const backMs = performance.now() - wellAt;
    await traffic.stop();
    await world.settle(client);
    const faults = [
      ...(awayMs > 12_000 ? [`its weight was taken away after ${Math.round(awayMs)} ms`] : []),
      ...([...seen].some((weight) => weight > 0 && weight < 100) ? [] : ['its weight came back at once']),
    ];
    return judgeMail(client, {
      duplicatesAtMost: client.acked.length,
      faults,
      note: `weight gone after ${Math.round(awayMs)} ms, back ${Math.round(backMs / 1_000)} s after`,
    });
  },
};

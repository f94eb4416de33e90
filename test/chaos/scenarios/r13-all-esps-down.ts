// R13: every ESP is down. Consumption pauses, heartbeats go on, nothing becomes a dead letter, memory stays where it was;
// and within a minute of the ESPs' return mail goes at full rate.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

const allEsps = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'];

const residentMb = (pid: number | undefined): number => {
  if (pid === undefined) return 0;
  const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb ?? 0) / 1_024;
};

export const allEspsDown: Scenario = {
  id: 'R13',
  title: 'every ESP down, and back',
  run: async (world, scale) => {
    const [sender = ''] = await world.atLeast('email-send', 1);
    const client = await world.client();
    await postAll(
      client,
      Array.from({ length: 20 }, () => mailTo(50)),
      4,
    );
    await world.settle(client);
    const before = residentMb(world.pidOf(sender));
    const saidBefore = world.said.length;
    const [dead] = await world.sql<{ n: string }>('select count(*) as n from dead_letters');
    for (const esp of allEsps) await client.control(esp, { outage: true });
    const downMs = sized(scale, 20_000, 30_000, 600_000);
    const waves = sized(scale, 4, 6, 60);
    for (let wave = 0; wave < waves; wave += 1) {
      await postAll(
        client,
        Array.from({ length: 10 }, () => mailTo(20)),
        4,
      );
      await pause(downMs / waves);
    }
    const during = residentMb(world.pidOf(sender));
    const [attempts] = await world.sql<{ n: string }>(
      `select coalesce(max(attempt), 0) as n from messages where status in ('queued', 'sending', 'scheduled')`,
    );
    const callsBefore = Object.values(await client.counts()).reduce((sum, { calls }) => sum + calls, 0);
    for (const esp of allEsps) await client.control(esp, { outage: false });
    const backAt = performance.now();
    await world.settle(client, { deadlineMs: 200_000 });
    const tookMs = performance.now() - backAt;
    const faults: string[] = [];
    if (tookMs > 60_000) faults.push(`the last mail left ${Math.round(tookMs / 1_000)} s after the ESPs were back`);
    const [deadAfter] = await world.sql<{ n: string }>('select count(*) as n from dead_letters');
    if (deadAfter?.n !== dead?.n) faults.push('dead letters were made');
    const failed = [...(await client.told()).values()].filter(({ status }) => status === 'failed').length;
    if (failed > 0) faults.push(`${failed} messages failed`);
    if (world.said.slice(saidBefore).some((line) => line.includes('stopped'))) faults.push('a process ended');
    if (scale === 'full' && during > before * 1.1)
      faults.push(`memory grew from ${Math.round(before)} to ${Math.round(during)} MB`);
    return judgeMail(client, {
      faults,
      note: `down ${downMs / 1_000} s, all out ${Math.round(tookMs / 1_000)} s after; at most ${attempts?.n ?? '?'} attempts; ${callsBefore} calls; ${Math.round(before)} → ${Math.round(during)} MB`,
    });
  },
};

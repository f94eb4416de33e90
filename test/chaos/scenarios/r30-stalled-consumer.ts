// R30: a handler that never returns. The watchdog ends the process within 60 s, and its partition goes on elsewhere.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/config/package-root.ts';
import { freePort } from '../../../fleet/ports.ts';
import { waitFor } from '../../support/wait-for.ts';
import { finding, type Scenario } from '../scenario.ts';

export const stalledConsumer: Scenario = {
  id: 'R30',
  title: 'a handler that never returns',
  run: async (world) => {
    const topic = `stalled-${Math.floor(world.random() * 1e9)}`;
    await world.admin((admin) =>
      admin.createTopics({
        topics: [
          { topic, numPartitions: 1 },
          { topic: `${topic}.dead`, numPartitions: 1 },
        ],
        waitForLeaders: true,
      }),
    );
    const start = async (...more: readonly string[]) => {
      const program = join(packageRoot, 'dist', 'test', 'chaos', 'stalled-consumer', 'main.js');
      const adminPort = await freePort();
      const child = spawn(process.execPath, [program, topic, ...more], {
        env: { ...world.settings.environment, ADMIN_PORT: String(adminPort) },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const run = { child, said: '', endedAt: 0, code: undefined as number | null | undefined };
      child.stdout.on('data', (chunk: Buffer) => {
        run.said += chunk.toString();
      });
      child.on('exit', (code) => {
        run.endedAt = performance.now();
        run.code = code;
      });
      return run;
    };
    const faults: string[] = [];
    const stalled = await start();
    await world.publish(topic, [{ key: 'k', value: '{}' }]);
    await waitFor(() => stalled.said.includes('handling'), { what: 'the handler being stuck', deadlineMs: 30_000 });
    const stuckAt = performance.now();
    const well = await start('--well');
    await waitFor(() => stalled.code !== undefined, { what: 'the stuck process ending', deadlineMs: 90_000 });
    const tookMs = stalled.endedAt - stuckAt;
    if (tookMs > 60_000) faults.push(`the process ended after ${Math.round(tookMs)} ms`);
    if (stalled.code !== 1) faults.push(`it ended with code ${stalled.code ?? 'none'}`);
    await waitFor(() => well.said.includes('handling'), {
      what: 'its partition going on elsewhere',
      deadlineMs: 60_000,
    }).catch((error: unknown) => faults.push(String(error)));
    const resumedMs = performance.now() - stalled.endedAt;
    well.child.kill('SIGTERM');
    await waitFor(() => well.code !== undefined, { what: 'the other process ending', deadlineMs: 30_000 });
    return finding(
      faults,
      `ended after ${Math.round(tookMs / 1_000)} s, resumed ${Math.round(resumedMs / 1_000)} s after that`,
    );
  },
};

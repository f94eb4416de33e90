// R25: hosts whose clocks are ten minutes ahead or behind, and one that jumps back an hour. Leases, due times and lifetimes go by
// Postgres's clock, pauses by the process's own, so nothing of it shows. The clock is Node's, moved by a module loaded first.
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

const minuteMs = 60_000;

/** Node options that move the clock of a process: at once by `shiftMs`, and after a while by `jumpMs` more. */
const movedClock = (shiftMs: number, jumpMs = 0, afterMs = 0): Readonly<Record<string, string>> => {
  const code = `
    const Real = Date; let shift = ${shiftMs};
    ${jumpMs === 0 ? '' : `setTimeout(() => { shift += ${jumpMs}; }, ${afterMs}).unref();`}
    globalThis.Date = class extends Real {
      constructor(...given) { if (given.length === 0) super(Real.now() + shift); else super(...given); }
      static now() { return Real.now() + shift; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
};

export const wrongClocks: Scenario = {
  id: 'R25',
  title: 'hosts with wrong clocks',
  run: async (world, scale) => {
    const lane = 'email-send-otp';
    for (const process of [lane, 'scheduler']) {
      for (const name of world.copiesOf(process)) await world.leave(name);
    }
    await world.join(lane, movedClock(10 * minuteMs));
    await world.join(lane, movedClock(-10 * minuteMs));
    await world.join(lane, movedClock(0, -60 * minuteMs, 8_000));
    const client = await world.client();
    await world.join('scheduler', movedClock(10 * minuteMs));
    for (const esp of ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses']) {
      // A third is refused at first, so that messages come again by their due times, whose age is then asked for.
      await client.control(esp, { rate503: 0.3, latencyMs: 100 });
    }
    const startedAt = performance.now();
    const bodies = (count: number) => Array.from({ length: count }, () => mailTo(5, { class: 'otp' }));
    const size = sized(scale, 20, 60, 200);
    await postAll(client, bodies(size), 4);
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    await postAll(client, bodies(size), 4);
    await world.settle(client, { deadlineMs: 120_000 });
    const failed = [...(await client.told()).values()].filter(({ status }) => status === 'failed').length;
    const tookMs = performance.now() - startedAt;
    for (const process of [lane, 'scheduler']) {
      for (const name of world.copiesOf(process)) await world.leave(name);
    }
    await world.join('scheduler');
    return judgeMail(client, {
      faults: failed > 0 ? [`${failed} messages were taken for too old`] : [],
      note: `+10 min, -10 min, -1 h on the way; ${Math.round(tookMs / 1_000)} s`,
    });
  },
};

// R09: Postgres is killed (kill -9) and comes back, again and again, while mail is sent and deliveries are counted. Counters
// are exact, nothing becomes a dead letter, no process ends, and whoever was interrupted ends by the rules of R14 and R15.
import { setTimeout as pause } from 'node:timers/promises';
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll, steadyTraffic } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';
import { countingOn, deadLetters } from '../counting.ts';

export const postgresKilled: Scenario = {
  id: 'R09',
  title: 'Postgres killed while mail is sent and counted',
  run: async (world, scale) => {
    await world.atLeast('email-send-otp', 2);
    const client = await world.client();
    const deadBefore = await deadLetters(world);
    const saidBefore = world.said.length;
    const counting = countingOn(world, { domains: 50, prefix: 'killed' });
    const traffic = steadyTraffic(client, {
      round: () => Array.from({ length: 4 }, () => mailTo(10, { class: 'otp' })),
      callers: 4,
      pauseMs: 300,
      besides: () => counting.publish(200),
    });
    const kills = sized(scale, 2, 3, 10);
    for (let kill = 0; kill < kills; kill += 1) {
      await pause(1_500 + world.random() * 3_000);
      world.stores.postgres.signal('SIGKILL');
      await pause(6_000);
    }
    await traffic.stop();
    await world.settle(client);
    const faults = await counting.faults();
    const dead = (await deadLetters(world)) - deadBefore;
    if (dead > 0) faults.push(`${dead} dead letters`);
    const ended = world.said.slice(saidBefore).filter((line) => line.includes('stopped'));
    if (ended.length > 0) faults.push(`ended: ${ended.join('; ')}`);
    return judgeMail(client, {
      duplicatesAtMost: client.acked.length,
      faults,
      note: `${kills} kills; ${counting.published()} counted`,
    });
  },
};

// R10: Postgres answers nothing, then takes no writes, then refuses one statement in twenty for a serialisation failure or a
// deadlock. Everything recovers within 30 s by itself, and counters are exact.
export const postgresUnusable: Scenario = {
  id: 'R10',
  title: 'Postgres silent, read-only, and refusing one in twenty',
  run: async (world, scale) => {
    await world.atLeast('email-send-otp', 2);
    const client = await world.client();
    const deadBefore = await deadLetters(world);
    const saidBefore = world.said.length;
    const counting = countingOn(world, { domains: 50, prefix: 'unusable' });
    const faults: string[] = [];
    const traffic = steadyTraffic(client, {
      round: () => Array.from({ length: 4 }, () => mailTo(10, { class: 'otp' })),
      callers: 4,
      pauseMs: 300,
      besides: () => counting.publish(200),
    });
    const recovers = async (after: string): Promise<void> => {
      const probe = await world.client();
      await postAll(probe, [mailTo(5, { class: 'otp' })], 1);
      const healedAt = performance.now();
      for (;;) {
        if ((await probe.told().catch(() => new Map())).size > 0) break;
        if (performance.now() - healedAt > 30_000) {
          faults.push(`no mail was stored within 30 s after Postgres was ${after}`);
          break;
        }
        await pause(200);
      }
    };
    await pause(2_000);
    await world.stores.postgres.proxy.mode({ kind: 'black-hole' });
    await pause(sized(scale, 10_000, 25_000, 60_000));
    await world.stores.postgres.proxy.mode({ kind: 'pass' });
    await recovers('silent');
    await world.sql('alter system set default_transaction_read_only = on');
    await world.sql('select pg_reload_conf()');
    await pause(sized(scale, 4_000, 10_000, 60_000));
    await world.sql('alter system reset default_transaction_read_only');
    await world.sql('select pg_reload_conf()');
    await recovers('read-only');
    await world.sql(`create or replace function chaos_refuse() returns trigger language plpgsql as $$
      begin
        if random() < 0.025 then raise exception 'injected' using errcode = '40001'; end if;
        if random() < 0.025 then raise exception 'injected' using errcode = '40P01'; end if;
        return null;
      end $$`);
    const tables = ['messages', 'consumer_offsets', 'attempts'];
    for (const table of tables) {
      await world.sql(
        `create trigger chaos_refuse after insert or update on ${table} for each statement execute function chaos_refuse()`,
      );
    }
    await pause(sized(scale, 4_000, 8_000, 60_000));
    for (const table of tables) await world.sql(`drop trigger chaos_refuse on ${table}`);
    await traffic.stop();
    await world.settle(client);
    faults.push(...(await counting.faults()));
    const dead = (await deadLetters(world)) - deadBefore;
    if (dead > 0) faults.push(`${dead} dead letters`);
    const ended = world.said.slice(saidBefore).filter((line) => line.includes('stopped'));
    if (ended.length > 0) faults.push(`ended: ${ended.join('; ')}`);
    return judgeMail(client, {
      duplicatesAtMost: client.acked.length,
      faults,
      note: `${counting.published()} counted`,
    });
  },
};

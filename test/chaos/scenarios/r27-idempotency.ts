// R27: fifty callers at once with the same Idempotency-Key, for many keys, and an ingress that is killed between taking a request
// and answering it. One message a key; who comes second gets 409 or the same answer; another body gets 422.
import { setTimeout as pause } from 'node:timers/promises';
import { sized, type Scenario } from '../scenario.ts';
import type { CallResult } from '../client.ts';
import { mailTo } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

export const sameKeys: Scenario = {
  id: 'R27',
  title: 'one key, many callers, and an ingress killed on the way',
  run: async (world, scale) => {
    await world.atLeast('email-send', 1);
    const client = await world.client();
    const [ingress = ''] = world.copiesOf('ingress');
    const keys = sized(scale, 10, 40, 200);
    const callers = sized(scale, 20, 50, 50);
    const faults: string[] = [];
    const tag = `k${Math.floor(world.random() * 1e9)}`;
    for (let number = 0; number < keys; number += 1) {
      const body = mailTo(1);
      const key = { 'idempotency-key': `${tag}-${number}` };
      const results = await Promise.all(Array.from({ length: callers }, () => client.post(body, key)));
      const good = results.filter(({ status }) => status === 202);
      const ids = new Set(good.map((result) => (JSON.parse(result.body) as { id: string }).id));
      if (ids.size !== 1) faults.push(`${ids.size} requests came of one key`);
      const strange = results.find(({ status }) => status !== 202 && status !== 409);
      if (strange !== undefined) faults.push(`a caller was answered ${strange.status}`);
      const other = await client.post({ ...mailTo(1), subject: 'other' }, key);
      if (other.status !== 422) faults.push(`another body was answered ${other.status}`);
    }
    // Killed while answers are owed; the key is free again after half a minute.
    const bodies = Array.from({ length: sized(scale, 10, 20, 50) }, () => mailTo(1));
    const keyOf = (index: number) => ({ 'idempotency-key': `${tag}-killed-${index}` });
    const first = bodies.map((body, index) => client.post(body, keyOf(index)));
    await pause(5 + world.random() * 20);
    world.signal(ingress, 'SIGKILL');
    await Promise.all(first);
    await world.ready(ingress, 40_000);
    const again: CallResult[] = [];
    for (const [index, body] of bodies.entries()) {
      let result = await client.post(body, keyOf(index));
      for (let tries = 0; result.status !== 202 && tries < 40; tries += 1) {
        await pause(1_000);
        result = await client.post(body, keyOf(index));
      }
      again.push(result);
    }
    const refused = again.filter(({ status }) => status !== 202).length;
    if (refused > 0) faults.push(`${refused} keys never became free again`);
    await world.settle(client);
    const accepted = await client.accepted();
    const addresses = new Set(bodies.map((body) => body.recipients[0]?.email));
    const mailed = accepted.filter(({ email }) => addresses.has(email)).length;
    if (mailed !== bodies.length) faults.push(`${mailed} mails for ${bodies.length} keys`);
    return judgeMail(client, { faults, note: `${keys} keys by ${callers} callers each` });
  },
};

// R28: the ingress is killed in the middle of a request of 1,000 recipients. All or retriable: the retry with its key yields
// exactly 1,000.
export const killedIngress: Scenario = {
  id: 'R28',
  title: 'the ingress killed in the middle of 1,000 recipients',
  run: async (world, scale) => {
    await world.atLeast('email-send', 1);
    const client = await world.client();
    const [ingress = ''] = world.copiesOf('ingress');
    const faults: string[] = [];
    const requests = sized(scale, 1, 2, 10);
    for (let number = 0; number < requests; number += 1) {
      const body = mailTo(1_000, { text: `Hi {{name}} ${'x'.repeat(2_000)}` });
      const key = { 'idempotency-key': `m${Math.floor(world.random() * 1e9)}` };
      const first = client.post(body, key);
      await pause(10 + world.random() * 60);
      world.signal(ingress, 'SIGKILL');
      await first;
      await world.ready(ingress, 40_000);
      let result = await client.post(body, key);
      for (let tries = 0; result.status !== 202 && tries < 45; tries += 1) {
        await pause(1_000);
        result = await client.post(body, key);
      }
      if (result.status !== 202) faults.push(`the retry was answered ${result.status}`);
    }
    await world.settle(client);
    const accepted = (await client.accepted()).length;
    if (accepted !== requests * 1_000) faults.push(`${accepted} mails for ${requests * 1_000} recipients`);
    return judgeMail(client, { faults, note: `${requests} requests` });
  },
};

// R29: Postgres is down. Liveness holds, readiness does not; webhooks are taken, since they need Kafka alone; requests without a
// key are taken as long as who asks can be told, else answered 503.
export const withoutPostgres: Scenario = {
  id: 'R29',
  title: 'Postgres down: what the ingress still does',
  run: async (world) => {
    await world.atLeast('email-send', 1);
    const client = await world.client();
    const faults: string[] = [];
    await world.stores.postgres.proxy.mode({ kind: 'refuse' });
    const statusOf = async (path: string, options: RequestInit = {}): Promise<number> =>
      (await fetch(`${world.url}${path}`, { signal: AbortSignal.timeout(20_000), ...options })).status;
    await pause(8_000);
    const live = await statusOf('/health/live');
    const ready = await statusOf('/health/ready');
    if (live !== 200) faults.push(`liveness is ${live}`);
    if (ready !== 503) faults.push(`readiness is ${ready}`);
    const { POSTMARK_WEBHOOK_USER: user = '', POSTMARK_WEBHOOK_PASSWORD: password = '' } = world.settings.environment;
    const webhook = await statusOf('/webhooks/postmark', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      },
      body: JSON.stringify({
        ...{ RecordType: 'Delivery', MessageID: '00000000-0000-4000-8000-000000000000', Recipient: 'a@b.example' },
        ...{ DeliveredAt: new Date().toISOString(), Details: '', Tag: '', ServerID: 1, Metadata: {} },
      }),
    });
    if (webhook !== 200) faults.push(`a webhook was answered ${webhook}`);
    const keyless = await client.post(mailTo(3));
    if (keyless.status !== 202 && keyless.status !== 503) faults.push(`a request was answered ${keyless.status}`);
    const keyed = await client.post(mailTo(3), { 'idempotency-key': `pg${Math.floor(world.random() * 1e9)}` });
    if (keyed.status !== 503) faults.push(`a request with a key was answered ${keyed.status}`);
    if (keyed.tookMs > 6_000) faults.push(`a request with a key waited ${Math.round(keyed.tookMs)} ms`);
    await world.stores.postgres.proxy.mode({ kind: 'pass' });
    await world.ready(world.copiesOf('ingress')[0] ?? '', 30_000);
    await world.settle(client);
    return judgeMail(client, { faults, note: `without a key ${keyless.status}, with one ${keyed.status}` });
  },
};

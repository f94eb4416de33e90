import { createServer } from 'node:http';
import { once } from 'node:events';
import { expect, it } from '@jest/globals';
import { parseOptions } from '../../../producers/loadtest/options.ts';
import { runLoad } from '../../../producers/loadtest/run-load.ts';
import { httpSender } from '../../../producers/loadtest/send-http.ts';
import { createLatencyHistogram } from '../../../shared/domain/latency-histogram.ts';

it('sends every number once, from as many clients as asked for, and counts what fails', async () => {
  const seen: number[] = [];
  let [under, most, clock] = [0, 0, 0];
  const { done, failed, times, lastFault } = await runLoad(
    { count: 100, concurrency: 8 },
    async (index) => {
      seen.push(index);
      most = Math.max(most, (under += 1));
      await Promise.resolve();
      under -= 1;
      if (index % 10 === 0) throw new Error('refused');
    },
    () => (clock += 1),
  );
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect([done, failed, times.count, most, lastFault]).toEqual([90, 10, 90, 8, 'refused']);
});

it('reads both spellings of its options, and refuses others', () => {
  expect(parseOptions(['-events=20', '-concurrency', '4', '--via=kafka'])).toMatchObject({
    kind: 'run',
    options: { events: 20, concurrency: 4, via: 'kafka', target: 'events' },
  });
  expect(parseOptions(['--events=0']).kind).toBe('fault');
  expect(parseOptions(['--rate=1']).kind).toBe('fault');
  expect(parseOptions(['-h']).kind).toBe('help');
});

it('speaks to the ingress as the seed’s clients do', async () => {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    asked.push([request.method, request.url, request.headers.authorization]);
    response.statusCode = asked.length > 1 ? 503 : 200;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const parsed = parseOptions([]);
  if (parsed.kind !== 'run') throw new Error('the defaults are refused');
  const sender = httpSender(`http://127.0.0.1:${port}`, 'k', parsed.options);
  await sender.send(3);
  await expect(sender.send(4)).rejects.toThrow('503');
  expect(asked[0]).toEqual(['PUT', '/events/load-3.example/delivered', 'Bearer k']);
  await sender.close();
  server.close();
});

it('tells percentiles to within 2 %', () => {
  const times = createLatencyHistogram();
  for (let ms = 1; ms <= 10_000; ms += 1) times.add(ms);
  for (const share of [0.5, 0.95, 0.99]) {
    expect(times.percentile(share) / (10_000 * share)).toBeGreaterThanOrEqual(0.98);
    expect(times.percentile(share) / (10_000 * share)).toBeLessThanOrEqual(1.02);
  }
  expect([times.percentile(1), times.max, times.mean]).toEqual([10_000, 10_000, 5_000.5]);
  expect(createLatencyHistogram().percentile(0.95)).toBe(0);
});

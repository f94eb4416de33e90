import { connect, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../../../support/wait-for.ts';
import { adminKey, testIngress, withKey, type TestIngress } from './ingress.ts';

let ingress: TestIngress;
let cramped: TestIngress;
const sockets: Socket[] = [];
beforeAll(async () => {
  ingress = await testIngress({ maxMessageBytes: 3_000_000 }, { requestTimeoutMs: 300, idleTimeoutMs: 600 });
  cramped = await testIngress({ maxMessageBytes: 3_000_000 }, { maxBytesUnderWay: 4_000_000 });
  await Promise.all([ingress, cramped].map(({ app }) => app.listen({ host: '127.0.0.1', port: 0 })));
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => Promise.all([ingress.app.close(), cramped.app.close()]));

/** A connection of its own, and everything that came back over it. */
const open = (
  to = ingress,
): { readonly socket: Socket; readonly told: () => string; readonly isClosed: () => boolean } => {
  const socket = connect((to.app.server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  let told = '';
  let closed = false;
  socket.on('data', (chunk) => (told += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  return { socket, told: () => told, isClosed: () => closed };
};
const post = (payload: string | Buffer, headers: Readonly<Record<string, string>> = {}, to = ingress) =>
  to.app.inject({
    method: 'POST',
    url: '/v1/emails',
    headers: { ...withKey, 'content-type': 'application/json', ...headers },
    payload,
  });
const mail = (more: object = {}) => ({
  from: 'a@acme.example',
  text: 'x',
  recipients: [{ email: 'ann@example.org' }],
  ...more,
});

describe('Slow and idle connections', () => {
  it('end: one that says nothing, one that never ends its headers, one that never ends its body', async () => {
    const idle = open();
    const headers = open();
    headers.socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: ');
    const body = open();
    body.socket.write(
      `POST /v1/emails HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${adminKey}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
    );
    await waitFor(() => [idle, headers, body].every(({ isClosed }) => isClosed()), { what: 'the end of all three' });
    expect(headers.told()).toContain(' 408 ');
    expect(ingress.published).toEqual([]);
  });

  it('with too many headers are refused', async () => {
    const bomb = open();
    bomb.socket.write(`GET /health/live HTTP/1.1\r\nHost: x\r\n${'X-A: 123456789\r\n'.repeat(2_000)}\r\n`);
    await waitFor(() => bomb.isClosed(), { what: 'its end' });
    expect(bomb.told()).toContain(' 431 ');
  });

  it('with a body and no key are answered before the body is read', async () => {
    const nobody = open();
    nobody.socket.write(
      'POST /v1/emails HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n{',
    );
    await waitFor(() => nobody.told().includes(' 401 '), { what: 'the answer' });
  });
});

describe('Bodies that would be costly', () => {
  it.each([
    ['nested 100,000 deep', '['.repeat(100_000), 400],
    ['a list of a million', `{"recipients":[${'1,'.repeat(999_999)}1]}`, 413],
    ['a million properties', `{${Array.from({ length: 1_000_000 }, (_, n) => `"${n}":1`).join(',')}}`, 413],
    ['escapes without end', `"${'\\"'.repeat(5_500_000)}"`, 413],
    ['gzip', gzipSync(JSON.stringify(mail())), 400],
    ['nothing', '', 400],
  ])('are refused before anything is built of them: %s', async (_, payload, status) => {
    const answer = await post(payload);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([
      status,
      expect.stringMatching(/^application\/problem\+json/),
    ]);
    expect(ingress.published).toEqual([]);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml'])(
    'of type %s are refused',
    async (type) => {
      expect((await post('a=1', { 'content-type': type })).statusCode).toBe(415);
    },
  );

  it('with the same fault everywhere are told of its beginning', async () => {
    const answer = await post(JSON.stringify(mail({ recipients: Array(10_000).fill({ email: 7 }) })));
    expect(answer.statusCode).toBe(422);
    expect(answer.json<{ errors: unknown[] }>().errors).toHaveLength(100);
  });

  it('with templates that never end are refused, and others are served meanwhile', async () => {
    const slow = mail({
      text: '{% for a in (1..3000) %}{% for b in (1..3000) %}{{ x }}{% endfor %}{% endfor %}',
      strictVariables: true,
      recipients: Array.from({ length: 1_000 }, (_, n) => ({ email: `u${n}@example.org`, substitutions: { x: '' } })),
    });
    const [answer, alive] = await Promise.all([
      post(JSON.stringify(slow)),
      ingress.app.inject({ method: 'GET', url: '/health/live' }),
    ]);
    expect(answer.statusCode).toBe(422);
    expect(alive.statusCode).toBe(200);
  });

  it('all at once are answered 503 with Retry-After beyond what there is room for, and taken again afterwards', async () => {
    const large = JSON.stringify(mail({ text: 'x'.repeat(1_400_000) }));
    const [one, two, three] = [open(cramped), open(cramped), open(cramped)];
    const begin = (socket: Socket): void => {
      socket.write(
        `POST /v1/emails HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${adminKey}\r\nContent-Type: application/json\r\nContent-Length: ${large.length}\r\n\r\n`,
      );
      socket.write(large.slice(0, -1));
    };
    for (const { socket } of [one, two, three]) begin(socket);
    await waitFor(() => [one, two, three].some(({ told }) => told().includes(' 503 ')), { what: 'a refusal' });
    expect([one, two, three].map(({ told }) => told()).join('')).toMatch(/retry-after: 1/i);
    for (const { socket } of [one, two, three]) socket.destroy();
    await waitFor(async () => (await post(large, {}, cramped)).statusCode === 202, { what: 'room again' });
  });
});

it('answers with headers that keep browsers from doing anything with it, and no origin may read it', async () => {
  const answer = await ingress.app.inject({
    method: 'GET',
    url: '/health/live',
    headers: { origin: 'https://evil.example' },
  });
  expect(answer.headers).toMatchObject({
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  });
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  const asked = await ingress.app.inject({
    method: 'OPTIONS',
    url: '/v1/emails',
    headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
  });
  expect(asked.statusCode).toBe(405);
  expect(Object.keys(asked.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

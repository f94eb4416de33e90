import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type AddressInfo } from 'node:net';
import { createKnownPaths } from '../../../../producers/ingress/http/known-paths.ts';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress();
  await ingress.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => ingress.app.close());

/** What the server says to these bytes, whole. */
const say = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { port } = ingress.app.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      // What it read as HTTP it answers on an open connection.
      if (/\r\n\r\n[^]*\}$/.test(heard)) socket.end();
    });
    socket.on('close', () => {
      resolve(heard);
    });
    socket.on('error', reject);
  });

describe('A method that a path does not have', () => {
  it('is answered 405 with those that it has, on every path of the product', async () => {
    const paths = new Map<string, string[]>();
    for (const route of ingress.app.accessOf.keys()) {
      const [method = '', path = ''] = route.split(' ');
      if (!path.startsWith('/docs')) paths.set(path, [...(paths.get(path) ?? []), method]);
    }
    expect(paths.size).toBeGreaterThan(25);
    for (const [path, methods] of paths) {
      const allow = methods.sort().join(', ');
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
        if (methods.includes(method)) continue;
        const url = path.replaceAll(/:\w+/g, 'x');
        const answer = await ingress.app.inject({ method: method as 'GET', url, headers: withKey });
        expect([method, path, answer.statusCode, answer.headers.allow]).toEqual([method, path, 405, allow]);
        expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      }
    }
  });

  it('is refused before its body is read and without a key', async () => {
    const answer = await ingress.app.inject({
      method: 'PUT',
      url: '/v1/emails',
      headers: { 'content-type': 'text/nonsense' },
      payload: '{',
    });
    expect(answer.statusCode).toBe(405);
  });

  it('is 404 where there is no such path', async () => {
    for (const method of ['GET', 'PATCH'] as const) {
      expect((await ingress.app.inject({ method, url: '/v1/nothing' })).statusCode).toBe(404);
    }
  });

  it.each(['QUERY', 'BREW', 'CONNECT', 'PROPFIND'])('is 405 also when it is %s', async (method) => {
    const heard = await say(`${method} /v1/emails/req_1?a=b HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(heard).toMatch(/^HTTP\/1\.1 405 /);
    expect(heard.toLowerCase()).toContain('allow: get, head');
    expect(heard).toContain('application/problem+json');
  });

  it('is 404 when nobody has heard of either', async () => {
    expect(await say('BREW /coffee HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe('What is no HTTP', () => {
  it.each([
    ['nonsense', 'hello\r\n\r\n', 400],
    ['two lengths', 'POST /v1/emails HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    ['headers without end', `GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['a path that cannot be decoded', 'GET /v1/emails/%E0%A4%A HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ])('is a problem document: %s', async (_, bytes, status) => {
    const heard = await say(bytes);
    expect(heard).toContain(`HTTP/1.1 ${status} `);
    expect(heard).toContain('application/problem+json');
    expect(heard).not.toMatch(/ at .*\.(js|ts):/);
  });
});

it('a path that is written out wins over one with a parameter', () => {
  const known = createKnownPaths();
  known.add('GET', '/letters/:id');
  known.add('POST', '/letters/retry');
  expect(known.methodsOf('/letters/retry')).toEqual(['POST']);
  expect(known.methodsOf('/letters/7')).toEqual(['GET']);
  expect(known.methodsOf('/letters/7/8')).toBeUndefined();
  expect(known.methodsOf('/letters')).toBeUndefined();
});

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createPost, type PostPorts } from '../../../consumers/webhook-out/consumer-post.ts';

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  while (open.length > 0) await open.pop()?.();
});
const listen = async (server: Server | TcpServer): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(
    () =>
      new Promise((resolve) => {
        if ('closeAllConnections' in server) server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  );
  return (server.address() as AddressInfo).port;
};
const serve = async (answer: RequestListener) => {
  let calls = 0;
  const port = await listen(
    createServer((request, response) => {
      calls += 1;
      answer(request, response);
    }),
  );
  return { port, calls: () => calls };
};
const at = (address: string) => [{ address, family: address.includes(':') ? 6 : 4 }];
const postWith = (ports: Partial<PostPorts>) => {
  const posting = createPost({ resolve: () => Promise.resolve(at('127.0.0.1')), allowPrivate: false, ...ports });
  open.push(posting.close);
  return (url: string) => posting.post(url, { 'webhook-id': 'x' }, '{}');
};
const ok: RequestListener = (_, response) => response.end('thanks');

describe('A call of a URL that a user named', () => {
  it.each([
    ...['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '169.254.169.254', '0.0.0.0'],
    ...['::1', 'fd00::1', 'fe80::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1'],
  ])('is refused at the connection when its name leads to %s', async (address) => {
    const { port, calls } = await serve(ok);
    const result = await postWith({ resolve: () => Promise.resolve(at(address)) })(`https://hooks.example:${port}/`);
    expect(result).toMatchObject({ status: undefined, error: expect.stringContaining('public internet') });
    expect(calls()).toBe(0);
  });

  it('is refused when one of several addresses is private', async () => {
    const resolve = () => Promise.resolve([...at('93.184.215.14'), ...at('10.0.0.1')]);
    expect(await postWith({ resolve })('https://hooks.example/')).toMatchObject({
      error: expect.stringContaining('public internet'),
    });
  });

  it('goes to the address that was checked, although the name means another one a moment later', async () => {
    let asked = 0;
    // Public at the first question, this machine at every other: a second question would reach it.
    const resolve = () => {
      asked += 1;
      return Promise.resolve(at(asked === 1 ? '203.0.114.1' : '127.0.0.1'));
    };
    const { port, calls } = await serve(ok);
    const post = postWith({ resolve, timeoutMs: 300 });
    const result = await post(`https://rebind.example:${port}/`);
    expect([asked, result.status, calls()]).toEqual([1, undefined, 0]);
    // And a new connection is a new check.
    expect((await post(`https://rebind.example:${port}/`)).error).toContain('public internet');
    expect(calls()).toBe(0);
  });

  it.each([
    'https://127.0.0.1',
    'https://2130706433',
    'https://0177.0.0.1',
    'https://0x7f.1',
    'https://[::ffff:7f00:1]',
  ])('is refused where the URL itself is %s', async (url) => {
    const { port, calls } = await serve(ok);
    expect((await postWith({})(`${url}:${port}/`)).error).toContain('public internet');
    expect(calls()).toBe(0);
  });

  it('is made without TLS to this machine alone, and only where that is allowed', async () => {
    const { port, calls } = await serve(ok);
    expect((await postWith({})(`http://127.0.0.1:${port}/`)).error).toContain('https://');
    expect((await postWith({})(`http://hooks.example:${port}/`)).error).toContain('https://');
    const inside = postWith({ allowPrivate: true, resolve: () => Promise.resolve(at('10.0.0.1')) });
    expect((await inside(`http://hooks.example:${port}/`)).error).toContain('public internet');
    expect(calls()).toBe(0);
    expect(await postWith({ allowPrivate: true })(`http://localhost:${port}/`)).toMatchObject({
      ...{ status: 200, answer: 'thanks', error: null },
    });
    expect(calls()).toBe(1);
  });

  it('follows no redirect', async () => {
    const inside = await serve(ok);
    const { port } = await serve((_, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${inside.port}/` }).end();
    });
    expect(await postWith({ allowPrivate: true })(`http://127.0.0.1:${port}/`)).toMatchObject({
      ...{ status: 302, error: expect.stringContaining('redirect') },
    });
    expect(inside.calls()).toBe(0);
  });

  it.each([
    ['before it answers', (): void => undefined],
    [
      'in the middle of its answer',
      (_: unknown, response: { write: (text: string) => boolean }): void => void response.write('so far'),
    ],
  ] as const)('has an end when the endpoint is slow %s', async (_, answer) => {
    const { port } = await serve(answer);
    const result = await postWith({ allowPrivate: true, timeoutMs: 200 })(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ status: undefined, error: 'There was no whole answer within 0.2 s.' });
  });

  it('reads no more than a megabyte of the answer, and keeps its first kilobyte', async () => {
    let written = 0;
    let isOver = false;
    const { port } = await serve((_, response) => {
      const go = (): void => {
        while (!isOver) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536, 'a'))) {
            response.once('drain', go);
            return;
          }
        }
      };
      response.on('close', () => (isOver = true));
      go();
    });
    const result = await postWith({ allowPrivate: true, timeoutMs: 5_000 })(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ status: 200, answer: 'a'.repeat(1_024), error: null });
    // What lay in the kernel's buffers beside it.
    expect(written).toBeLessThan(32 * 1_048_576);
  });

  it('tells what a connection met, without the address', async () => {
    const port = await listen(createTcpServer((socket) => socket.destroy()));
    const result = await postWith({ allowPrivate: true })(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ status: undefined, error: 'The call failed (ECONNRESET).' });
  });
});

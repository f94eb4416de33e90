import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../shared/errors.ts';
import type { DeliveryAnswer, Esp } from '../../../shared/esp/esp.ts';
import { createSmtp, type SmtpSettings } from '../../../shared/esp/smtp/send.ts';
import { startSimulator, testCredentials, type TestSimulator } from '../../simulator/start-simulator.ts';
import { deliveryTo } from './contract.ts';

const options = { connectTimeoutMs: 2_000, totalTimeoutMs: 5_000 };
const open: Esp[] = [];
const create = (change: Partial<SmtpSettings>): Esp => {
  const { smtpUser: user, smtpPass: pass } = testCredentials;
  const esp = createSmtp({
    name: 'smtp',
    host: '127.0.0.1',
    port: 25,
    user,
    pass,
    secure: 'auto',
    connections: 5,
    ...change,
  });
  open.push(esp);
  return esp;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((esp) => esp.close()));
});

describe('Connections to an SMTP relay', () => {
  let simulator: TestSimulator;
  beforeEach(async () => {
    simulator = await startSimulator();
  });
  afterEach(() => simulator.close());
  const port = (): number => simulator.smtp.ports().port ?? 0;
  const until = (condition: () => boolean) => simulator.until(() => (condition() ? true : undefined));
  const openNow = (count: number) => until(() => simulator.smtp.connections().open === count);

  it('stand before the first message, and no message needs another one', async () => {
    const esp = create({ port: port() });
    esp.warmUp?.();
    await openNow(5);
    const answers: (DeliveryAnswer | undefined)[] = [];
    let next = 0;
    const worker = async () => {
      while (next < 200) answers.push((await esp.send([deliveryTo((next += 1))], options))[0]);
    };
    await Promise.all(Array.from({ length: 5 }, worker));
    expect(answers.filter((answer) => answer?.outcome === 'accepted')).toHaveLength(200);
    expect(simulator.smtp.connections()).toEqual({ opened: 5, open: 5 });
    expect(await simulator.accepted()).toHaveLength(200);
  });

  it('are opened with the first message where nobody warmed them up', async () => {
    const esp = create({ port: port(), connections: 3 });
    await esp.send([deliveryTo(1)], options);
    await openNow(3);
  });

  it('are not spent on refused recipients', async () => {
    const esp = create({ port: port(), connections: 1 });
    for (const name of ['unknown', 'busy', 'unknown']) {
      await esp.send([deliveryTo(1, { to: { email: `${name}@example.org` } })], options);
    }
    expect(await esp.send([deliveryTo(2)], options)).toMatchObject([{ outcome: 'accepted' }]);
    expect(simulator.smtp.connections().opened).toBe(1);
  });

  it('are replaced when they die idle, and no message is lost over it', async () => {
    const esp = create({ port: port(), connections: 3 });
    esp.warmUp?.();
    await openNow(3);
    simulator.smtp.dropConnections();
    const answers = await Promise.all([1, 2, 3].map((number) => esp.send([deliveryTo(number)], options)));
    expect(answers.flat().map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await simulator.accepted()).toHaveLength(3);
    await openNow(3);
  });

  it('come back after an outage without a message asking for them', async () => {
    await simulator.control('smtp', { outage: true });
    const esp = create({ port: port(), connections: 2 });
    esp.warmUp?.();
    expect(await esp.send([deliveryTo(1)], options)).toMatchObject([
      { outcome: 'unavailable', reason: 'outage', code: '421' },
    ]);
    await simulator.control('smtp', { outage: false });
    await openNow(2);
  });

  it('finish what is in hand before they close', async () => {
    await simulator.control('smtp', { latencyMs: 150 });
    const esp = create({ port: port(), connections: 2 });
    const sending = Promise.all([1, 2, 3].map((number) => esp.send([deliveryTo(number)], options)));
    await until(() => simulator.smtp.connections().open > 0);
    await esp.close();
    expect((await sending).flat().map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted', 'accepted']);
    await openNow(0);
    expect(await esp.send([deliveryTo(4)], options)).toMatchObject([{ outcome: 'unavailable', code: 'ECLOSED' }]);
  });

  it.each(['implicit', 'starttls'] as const)(
    'are encrypted by %s, with a certificate that is checked',
    async (secure) => {
      const { certificate: ca } = simulator.smtp;
      const place = { port: secure === 'implicit' ? (simulator.smtp.ports().securePort ?? 0) : port(), secure };
      expect(await create({ ...place, ca }).send([deliveryTo(1)], options)).toMatchObject([{ outcome: 'accepted' }]);
      expect(await create(place).send([deliveryTo(2)], options)).toMatchObject([
        { outcome: 'unavailable', reason: 'outage' },
      ]);
      expect(await simulator.accepted()).toHaveLength(1);
    },
  );

  it.each<[string, readonly string[], Partial<DeliveryAnswer>]>([
    ['a recipient that is not there', ['unknown'], { outcome: 'recipient-refused', code: '550' }],
    ['a busy mailbox', ['busy'], { outcome: 'unavailable', reason: 'throttled', code: '450' }],
    ['a recipient that is not there though the copy is taken', ['unknown', 'boss'], { outcome: 'recipient-refused' }],
    ['a copy that is not there', ['ann', 'unknown'], { outcome: 'accepted' }],
  ])('tell of %s', async (_what, [to = '', copy], expected) => {
    const delivery = deliveryTo(1, {
      to: { email: `${to}@example.org` },
      cc: copy === undefined ? [] : [{ email: `${copy}@example.org` }],
    });
    expect(await create({ port: port(), connections: 1 }).send([delivery], options)).toMatchObject([expected]);
  });

  it('carry one Message-ID for one attempt, and no copy that is blind', async () => {
    const esp = create({ port: port(), connections: 1 });
    const delivery = deliveryTo(1, { bcc: [{ email: 'log@acme.example' }] });
    const answers = [await esp.send([delivery], options), await esp.send([delivery], options)].flat();
    expect(answers).toEqual(
      answers.map(() => ({ outcome: 'accepted', providerMessageId: `${delivery.attemptId}@acme.example` })),
    );
    const [accepted] = await simulator.accepted();
    expect(accepted).toMatchObject({ bcc: ['log@acme.example'], headers: { 'X-Ref': 'r-1' } });
  });
});

describe('A relay that breaks off', () => {
  let server: Server;
  const sockets = new Set<Socket>();
  /** Speaks as much SMTP as is needed and hands every line to `act`, which may break the dialogue instead. */
  const relay = async (act: (line: string, socket: Socket, session: number) => boolean): Promise<number> => {
    let sessions = 0;
    server = createServer((socket) => {
      const session = (sessions += 1);
      let inData = false;
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.write('220 relay\r\n');
      let rest = '';
      socket.on('data', (chunk) => {
        const lines = (rest + chunk.toString('latin1')).split('\r\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (act(line, socket, session)) {
            inData &&= line !== '.';
            return;
          }
          if (inData) {
            if (line !== '.') continue;
            inData = false;
            socket.write('250 2.0.0 Ok\r\n');
          } else if (line === 'DATA') {
            inData = true;
            socket.write('354 go on\r\n');
          } else socket.write('250 Ok\r\n');
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const plain = { user: undefined, pass: undefined, connections: 1 };
  const kill =
    (at: RegExp, sessionsToKill = Infinity) =>
    (line: string, socket: Socket, session: number): boolean => {
      if (!at.test(line) || session > sessionsToKill) return false;
      socket.resetAndDestroy();
      return true;
    };

  it.each([/^MAIL/, /^RCPT/, /^DATA/])('before the content is asked again on another connection: %s', async (at) => {
    const esp = create({ ...plain, port: await relay(kill(at, 1)) });
    expect(await esp.send([deliveryTo(1)], options)).toMatchObject([{ outcome: 'accepted' }]);
  });

  it('every time before the content has surely not taken the message', async () => {
    const esp = create({ ...plain, port: await relay(kill(/^MAIL/)) });
    expect(await esp.send([deliveryTo(1)], options)).toMatchObject([{ outcome: 'unavailable', reason: 'outage' }]);
  });

  it('after the final dot may have taken it, and is not asked again', async () => {
    let dots = 0;
    const port = await relay((line, socket) => {
      if (line !== '.') return false;
      dots += 1;
      socket.resetAndDestroy();
      return true;
    });
    const esp = create({ ...plain, port });
    expect(await esp.send([deliveryTo(1)], options)).toMatchObject([{ outcome: 'unknown', code: 'ECONNRESET' }]);
    expect(dots).toBe(1);
  });

  it('in the middle of a long message has surely not taken it', async () => {
    const esp = create({ ...plain, port: await relay(kill(/^Subject/)) });
    const text = 'a line of text that goes on and on\n'.repeat(1_000_000);
    const delivery = deliveryTo(1, { content: { ...deliveryTo(1).content, text, html: undefined } });
    expect(await esp.send([delivery], options)).toMatchObject([{ outcome: 'unavailable', reason: 'outage' }]);
  });

  it.each([
    [/^MAIL/, '421 4.3.2 closing', { outcome: 'unavailable', reason: 'outage' }],
    [/^MAIL/, '451 4.7.1 later', { outcome: 'unavailable', reason: 'throttled' }],
    [/^MAIL/, '550 5.7.1 sender', { outcome: 'refused', reason: 'content' }],
    [/^MAIL/, '530 5.7.0 log in first', { outcome: 'refused', reason: 'credentials' }],
    [/^RCPT/, '550 5.7.1 relaying denied', { outcome: 'refused', reason: 'content' }],
    [/^RCPT/, '553 no such mailbox', { outcome: 'recipient-refused' }],
    [/^RCPT/, '503 5.5.1 bad sequence', { outcome: 'unavailable', reason: 'outage' }],
    [/^DATA/, '452 4.3.1 full', { outcome: 'unavailable', reason: 'throttled' }],
    [/^\.$/, '554 5.6.0 content', { outcome: 'refused', reason: 'content' }],
    [/^\.$/, '451 4.3.0 later', { outcome: 'unavailable', reason: 'throttled' }],
    [/^\.$/, '421 4.4.2 closing', { outcome: 'unknown', code: '421' }],
  ] as const)('by its own words: %s answered %s', async (at, words, expected) => {
    const port = await relay((line, socket) => {
      if (!at.test(line)) return false;
      socket.write(`${words}\r\n`);
      return true;
    });
    expect(await create({ ...plain, port }).send([deliveryTo(1)], options)).toMatchObject([expected]);
  });

  it('by never answering is given up at the deadline', async () => {
    const port = await relay((line) => line === 'DATA');
    const answers = await create({ ...plain, port }).send([deliveryTo(1)], { ...options, totalTimeoutMs: 200 });
    expect(answers).toMatchObject([{ outcome: 'unavailable', reason: 'outage', code: 'ETIMEDOUT' }]);
  });
});

describe('The settings of a relay', () => {
  it.each(['mail.acme.example', '10.0.0.1', '0.0.0.0'])('never let mail to %s go in the clear', (host) => {
    expect(() => create({ host, secure: 'none' })).toThrow(ConfigError);
  });
});

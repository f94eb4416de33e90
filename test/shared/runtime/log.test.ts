import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, type Logger } from '../../../shared/runtime/log.ts';
import { waitFor } from '../../support/wait-for.ts';

const secrets = {
  address: 'canary-address@victim.example',
  key: 'SG.canary-key',
  code: '424242-canary',
  text: 'canary text of a mail',
};
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailfleet-log-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
/** What reaches the file when `write` has logged. */
const linesOf = async (write: (log: Logger) => void): Promise<Record<string, unknown>[]> => {
  const file = join(folder, `${(files += 1)}.log`);
  const log = createLog({ name: 'test', level: 'debug', file });
  write(log);
  log.fatal('the end');
  const text = await waitFor(
    () => {
      const written = readFileSync(file, 'utf8');
      return written.includes('the end') ? written : undefined;
    },
    { what: 'the log being written' },
  );
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.includes('the end'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

/** An error as SDKs throw it, with the whole request inside. */
const sdkError = (): Error =>
  Object.assign(new Error('Unauthorized'), {
    code: 401,
    config: { headers: { Authorization: `Bearer ${secrets.key}` }, data: secrets.text },
    response: { request: { _header: `Authorization: ${secrets.key}` }, body: { to: secrets.address } },
  });

describe('A log line', () => {
  it('is JSON with level, time, process and fields', async () => {
    const [line] = await linesOf((log) => {
      log.info({ messageId: 'msg_1', esp: 'ses' }, 'a message was sent');
    });
    expect(line).toMatchObject({
      level: 'info',
      name: 'test',
      pid: process.pid,
      messageId: 'msg_1',
      esp: 'ses',
      msg: 'a message was sent',
    });
    expect(line?.['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it.each<[string, (log: Logger) => void]>([
    [
      'an address',
      (log) => {
        log.warn(
          { email: secrets.address, recipient: secrets.address, to: secrets.address, from: secrets.address },
          'x',
        );
      },
    ],
    [
      'a key or password',
      (log) => {
        log.warn({ apiKey: secrets.key, authorization: secrets.key, password: secrets.key }, 'x');
      },
    ],
    [
      'a one-time code',
      (log) => {
        log.warn({ otp: secrets.code }, 'x');
      },
    ],
    [
      'the text of a mail',
      (log) => {
        log.warn({ text: secrets.text, html: secrets.text }, 'x');
      },
    ],
    [
      'any of them one level down',
      (log) => {
        log.warn(
          { delivery: { to: secrets.address, text: secrets.text }, headers: { authorization: secrets.key } },
          'x',
        );
      },
    ],
    [
      'a header that an SDK’s error carries',
      (log) => {
        log.error({ err: sdkError() }, 'x');
      },
    ],
    [
      'a header of an error that is logged alone',
      (log) => {
        log.error(sdkError());
      },
    ],
    [
      'a header in an error’s cause',
      (log) => {
        log.error({ err: new Error('failed', { cause: sdkError() }) }, 'x');
      },
    ],
    [
      'what was thrown and is no error',
      (log) => {
        log.error({ err: { headers: { Authorization: secrets.key } } }, 'x');
      },
    ],
    [
      'an address in an error’s words, its stack or its cause',
      (log) => {
        log.error({ err: new Error(`550 <${secrets.address}>: no`, { cause: new Error(secrets.address) }) }, 'x');
      },
    ],
    [
      'an address in what an ESP said',
      (log) => {
        log.warn({ esp: 'smtp', lastError: `smtp: 550 5.1.1 ${secrets.address} unknown (550)` }, 'x');
      },
    ],
    [
      'an address deep in a field, in a list or in the sentence',
      (log) => {
        log.warn({ a: { b: [{ c: `to "${secrets.address}"` }] } }, `x ${secrets.address}`);
      },
    ],
    [
      'an address that a child log was given in a text',
      (log) => {
        log.child({ detail: `for ${secrets.address}` }).warn('x');
      },
    ],
    [
      'what a child log was given',
      (log) => {
        log.child({ email: secrets.address }).warn('x');
      },
    ],
  ])('never holds %s', async (_, write) => {
    const lines = await linesOf(write);
    expect(lines).toHaveLength(1);
    const text = JSON.stringify(lines);
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
  });

  it('of an error says what helps: type, code, message, stack and causes', async () => {
    const [line] = await linesOf((log) => {
      log.error({ err: new TypeError('outer', { cause: sdkError() }) }, 'x');
    });
    expect(line?.['err']).toMatchObject({
      type: 'TypeError',
      message: 'outer',
      cause: { type: 'Error', message: 'Unauthorized', code: 401 },
    });
  });

  it('below the level is not written', async () => {
    const lines = await linesOf((log) => {
      log.trace('too fine');
    });
    expect(lines).toEqual([]);
  });
});

// The gRPC door on a real socket, spoken to by the ordinary client and by reflection alone.
import { Client, compressionAlgorithms, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { service as healthDefinition } from 'grpc-health-check';
import { codeSettings } from '../../../../shared/db/code-settings.ts';
import { startGrpc, type GrpcServer } from '../../../../producers/ingress/grpc/server.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { createLog } from '../../../../shared/runtime/log.ts';
import { seededBy } from '../../../hostile/part.ts';
import { grpcClientOf } from '../../../support/grpc-client.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { adminKey, testIngress, type TestIngress } from '../http/ingress.ts';

const log = createLog({ name: 'test', level: 'silent' });

const database = useDatabase();
let ingress: TestIngress;
let closed: GrpcServer;
let opened: GrpcServer;
const clients = new Map<GrpcServer, ReturnType<typeof grpcClientOf>>();

const clientOf = (server: GrpcServer) => {
  const client = clients.get(server) ?? grpcClientOf(`127.0.0.1:${server.port}`);
  clients.set(server, client);
  return client;
};
const call = (
  server: GrpcServer,
  method: string,
  request: object,
  options?: { readonly key?: string; readonly deadlineMs?: number },
): Promise<Record<string, unknown>> =>
  clientOf(server).call(
    method === 'SendMail' ? 'mail.MailService' : 'mail.OtpService',
    method,
    request,
    options,
  ) as Promise<Record<string, unknown>>;

beforeAll(async () => {
  const codes = codeSettings({
    JWT_SECRET: 's'.repeat(32),
    OTP_LIFESPAN_SECONDS: 300,
    OTP_RESEND_SECONDS: 0,
    OTP_MAX_PER_HOUR: 0,
    OTP_ECHO: true,
    MAIL_FROM: 'codes@acme.example',
  });
  ingress = await testIngress({ pool: database.pool, codes });
  const settings = { ...ingress.context, host: '127.0.0.1', port: 0, maxBytes: 1_048_576, log };
  closed = await startGrpc(ingress.context, { ...settings, isOpen: false });
  opened = await startGrpc(ingress.context, { ...settings, isOpen: true });
  closed.setServing(true);
});
afterAll(async () => {
  for (const client of clients.values()) client.close();
  await Promise.all([closed.close(), opened.close()]);
});
beforeEach(() => {
  ingress.clear();
});

const codeOf = async (work: Promise<unknown>): Promise<status | undefined> => {
  try {
    await work;
    return undefined;
  } catch (error) {
    return (error as ServiceError).code;
  }
};

describe('SendMail', () => {
  test('answers SUCCESS once Kafka has the mail, whose text is taken as it stands', async () => {
    const request = { to: 'ann@example.org', subject: 'Hi {{ name }}', body: 'Ben & {% Jerry %}' };
    expect(await call(opened, 'SendMail', request)).toEqual({ status: 'SUCCESS' });
    expect(JSON.parse(String(ingress.published[0]?.value))).toMatchObject({
      from: 'codes@acme.example',
      subject: '{{ subject }}',
      text: '{{ body }}',
      recipients: [{ email: 'ann@example.org', substitutions: { subject: request.subject, body: request.body } }],
    });
  });

  test.each([
    [{ to: '', subject: 's', body: 'b' }, 'recipient email is required'],
    [{ to: 'no address', subject: 's', body: 'b' }, 'not one valid email address'],
    [{ to: 'ann@example.org', subject: 'a\r\nBcc: eve@example.org', body: 'b' }, '/subject'],
  ])('refuses %j with nothing published', async (request, sentence) => {
    await expect(call(opened, 'SendMail', request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(sentence),
    });
    expect(ingress.published).toEqual([]);
  });

  test('is UNAVAILABLE while Kafka is away', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    const request = { to: 'ann@example.org', subject: 's', body: 'b' };
    expect(await codeOf(call(opened, 'SendMail', request))).toBe(status.UNAVAILABLE);
  });

  test('of five megabytes is RESOURCE_EXHAUSTED', async () => {
    const request = { to: 'ann@example.org', subject: 's', body: 'x'.repeat(5_000_000) };
    expect(await codeOf(call(opened, 'SendMail', request))).toBe(status.RESOURCE_EXHAUSTED);
    expect(ingress.published).toEqual([]);
  });
});

describe('Codes', () => {
  test('go as the clients of the gRPC server know it', async () => {
    const email = 'ann@example.org';
    const first = await call(opened, 'SendCode', { email });
    expect(first).toEqual({ status: 'SUCCESS', otpCode: expect.stringMatching(/^\d{6}$/) });
    const validate = (otpCode: unknown) => call(opened, 'ValidateCode', { email, otpCode });
    expect(await validate(first['otpCode'])).toEqual({ status: 'SUCCESS', isValid: true });
    expect(await validate(first['otpCode'])).toEqual({ status: 'FAILED', isValid: false });
    const { otpCode } = await call(opened, 'SendCode', { email });
    expect(await validate(otpCode === '000000' ? '111111' : '000000')).toEqual({ status: 'SUCCESS', isValid: false });
    expect(await validate(otpCode)).toEqual({ status: 'SUCCESS', isValid: true });
    const { otpCode: late } = await call(opened, 'SendCode', { email });
    await database.pool.query('update one_time_codes set expires_at = now()');
    expect(await validate(late)).toEqual({ status: 'FAILED', isValid: false });
  });

  test('that were guessed at too often are FAILED', async () => {
    const email = 'ann@example.org';
    const { otpCode } = await call(opened, 'SendCode', { email });
    for (let n = 0; n < 5; n += 1) await call(opened, 'ValidateCode', { email, otpCode: 'x' });
    expect(await call(opened, 'ValidateCode', { email, otpCode })).toEqual({ status: 'FAILED', isValid: false });
  });

  test('for what is no address are FAILED, and nothing is sent', async () => {
    expect(await call(opened, 'SendCode', { email: 'nobody' })).toEqual({ status: 'FAILED', otpCode: '' });
    expect(ingress.published).toEqual([]);
  });
});

describe('A caller', () => {
  const request = { to: 'ann@example.org', subject: 's', body: 'b' };

  test('without a valid key is UNAUTHENTICATED, unless the door is open', async () => {
    expect(await codeOf(call(closed, 'SendMail', request))).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(call(closed, 'SendMail', request, { key: 'Bearer guess' }))).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(call(opened, 'SendMail', request, { key: 'Bearer guess' }))).toBe(status.UNAUTHENTICATED);
    expect(ingress.published).toEqual([]);
  });

  test.each([adminKey, `Bearer ${adminKey}`])('with the key %# is let in', async (key) => {
    expect(await call(closed, 'SendMail', request, { key })).toEqual({ status: 'SUCCESS' });
  });

  test('whose deadline has passed gets nothing sent', async () => {
    expect(await codeOf(call(opened, 'SendMail', request, { deadlineMs: -1 }))).toBe(status.DEADLINE_EXCEEDED);
    expect(ingress.published).toEqual([]);
  });
});

describe('Bytes that nobody expects', () => {
  const paths = {
    SendMail: '/mail.MailService/SendMail',
    SendCode: '/mail.OtpService/SendCode',
    ValidateCode: '/mail.OtpService/ValidateCode',
  };
  const sendBytes = (path: string, bytes: Buffer, client = clientOf(opened).client): Promise<status> =>
    new Promise((resolve) => {
      client.makeUnaryRequest<Buffer, Buffer>(
        path,
        (value) => value,
        (value) => value,
        bytes,
        (error) => {
          resolve(error === null ? status.OK : error.code);
        },
      );
    });

  test.each(Object.entries(paths))('to %s are answered or refused, never a fault of ours', async (_, path) => {
    const random = seededBy(7);
    const codes = new Set<status>();
    for (let round = 0; round < 20; round += 1) {
      const many = Array.from({ length: 100 }, () => {
        const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)));
        // Half of them begin like a field of text, so that some of it is read.
        return random() < 0.5 ? bytes : Buffer.concat([Buffer.from([0x0a, Math.min(127, bytes.length)]), bytes]);
      });
      for (const code of await Promise.all(many.map((bytes) => sendBytes(path, bytes)))) codes.add(code);
    }
    expect([...codes].filter((code) => ![status.OK, status.INVALID_ARGUMENT].includes(code))).toEqual([]);
    expect(codes).toContain(status.INVALID_ARGUMENT);
    expect(ingress.published).toEqual([]);
  });

  test('that unpack to five megabytes are RESOURCE_EXHAUSTED', async () => {
    const zipping = new Client(`127.0.0.1:${opened.port}`, credentials.createInsecure(), {
      'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
    });
    const bomb = Buffer.concat([Buffer.from([0x1a, 0xc0, 0x96, 0xb1, 0x02]), Buffer.alloc(5_000_000, 'x')]);
    expect(await sendBytes(paths.SendMail, bomb, zipping)).toBe(status.RESOURCE_EXHAUSTED);
    zipping.close();
  });
});

test('the standard health service tells whether it serves', async () => {
  const { Check } = healthDefinition;
  if (Check === undefined) throw new Error('no Check');
  const answer = await new Promise<unknown>((resolve, reject) => {
    clientOf(closed).client.makeUnaryRequest(
      Check.path,
      Check.requestSerialize,
      Check.responseDeserialize,
      { service: 'mail.OtpService' },
      (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      },
    );
  });
  expect(answer).toEqual({ status: 'SERVING' });
});

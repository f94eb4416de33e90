// The gRPC door: plaintext HTTP/2, both services of mail.proto, and the standard health and reflection services.
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProto } from 'grpc-health-check';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/config/package-root.ts';
import type { CodeDoor } from '../one-time-codes.ts';
import { orMalformed, type CallSettings } from './call.ts';
import { mailService } from './mail-service.ts';
import { otpService } from './otp-service.ts';

export interface GrpcServer {
  /** The port it really listens on. */
  readonly port: number;
  /** Told to health checks; calls are answered either way. */
  setServing(isServing: boolean): void;
  /** Waits for calls that are under way, and takes no new ones. */
  close(): Promise<void>;
}

const serviceOf = (definition: PackageDefinition, name: string): ServiceDefinition => {
  const found = definition[name];
  if (found === undefined || 'format' in found) throw new TypeError(`mail.proto has no ${name}`);
  return Object.fromEntries(
    Object.entries(found).map(([method, described]) => [
      method,
      { ...described, requestDeserialize: orMalformed(described.requestDeserialize) },
    ]),
  );
};

/** Longest message either way, in bytes; more is RESOURCE_EXHAUSTED, also once it is unpacked. */
const limits = (maxBytes: number) => ({
  'grpc.max_receive_message_length': maxBytes,
  'grpc.max_send_message_length': maxBytes,
  // A client that says nothing for long is asked whether it is still there.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_concurrent_streams': 1_000,
});

/** Starts the door. Throws when the port is taken. */
export const startGrpc = async (
  door: CodeDoor,
  settings: CallSettings & { readonly host: string; readonly port: number; readonly maxBytes: number },
): Promise<GrpcServer> => {
  const definition = loadSync(join(packageRoot, 'shared/contracts/mail.proto'), {
    keepCase: true,
    enums: String,
    defaults: true,
  });
  const server = new Server(limits(settings.maxBytes));
  server.addService(serviceOf(definition, 'mail.MailService'), mailService(door, settings));
  server.addService(serviceOf(definition, 'mail.OtpService'), otpService(door, settings));
  const names = ['', 'mail.MailService', 'mail.OtpService'];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'NOT_SERVING' as const])));
  health.addToServer(server);
  const standard = loadSync(healthProto, { keepCase: true });
  new ReflectionService({ ...definition, ...standard }).addToServer(server);
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${settings.port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    setServing: (isServing) => {
      for (const name of names) health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.tryShutdown((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      }),
  };
};

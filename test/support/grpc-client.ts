import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const definition = loadSync('shared/contracts/mail.proto', { keepCase: true, enums: String, defaults: true });

/** Speaks to the gRPC door as an ordinary client does; a failed call rejects with gRPC's own error. */
export const grpcClientOf = (address: string) => {
  const client = new Client(address, credentials.createInsecure());
  return {
    client,
    call: (
      service: 'mail.MailService' | 'mail.OtpService',
      method: string,
      request: object,
      options: { readonly key?: string; readonly deadlineMs?: number } = {},
    ): Promise<unknown> => {
      const found = definition[service];
      const described = found === undefined || 'format' in found ? undefined : found[method];
      if (described === undefined) throw new Error(`no method ${method}`);
      const metadata = new Metadata();
      if (options.key !== undefined) metadata.set('authorization', options.key);
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          described.path,
          described.requestSerialize,
          described.responseDeserialize,
          request,
          metadata,
          { deadline: Date.now() + (options.deadlineMs ?? 10_000) },
          (error, response) => {
            if (error === null) resolve(response);
            else reject(error);
          },
        );
      });
    },
    close: (): void => {
      client.close();
    },
  };
};

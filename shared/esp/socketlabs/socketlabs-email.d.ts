// The package brings no types; this is the part that send.ts uses (src/socketlabsClient.js of 1.4.4).
declare module '@socketlabs/email' {
  export class SocketLabsClient {
    constructor(serverId: number, apiKey: string, options?: { readonly endpointUrl?: string | null });
    /** The request that the SDK would make: address, key (in a header or the body, by its kind) and envelope. */
    createRequest(message: unknown): {
      readonly url: string;
      readonly data: unknown;
      readonly headers: Readonly<Record<string, string>>;
    };
  }
}

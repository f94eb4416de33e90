import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';

// Upstream services choose the codec. A codec that kafkajs lacks makes it throw in a way it takes for final: it stops
// consuming while the process lives on. gzip is built in; the other three are registered here.
const require = createRequire(import.meta.url);

interface Lz4 {
  compressFrame(data: Buffer): Promise<Buffer>;
  decompressFrame(data: Buffer): Promise<Buffer>;
}
interface Zstd {
  init(): Promise<void>;
  compress(data: Uint8Array, level: number): Uint8Array;
  decompress(data: Uint8Array): Uint8Array;
}
interface Encodable {
  readonly buffer: Buffer;
}

/** Makes this process able to read (and write) snappy, lz4 and zstd batches. The libraries load at first use. */
export const registerCodecs = (): void => {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = (): unknown => (require('kafkajs-snappy') as () => unknown)();
  CompressionCodecs[CompressionTypes.LZ4] = () => {
    const lz4 = require('lz4-napi') as Lz4;
    return {
      compress: ({ buffer }: Encodable) => lz4.compressFrame(buffer),
      decompress: (buffer: Buffer) => lz4.decompressFrame(buffer),
    };
  };
  CompressionCodecs[CompressionTypes.ZSTD] = () => {
    let loaded: Promise<Zstd> | undefined;
    const zstd = (): Promise<Zstd> => {
      loaded ??= import('@bokuweb/zstd-wasm').then(async (library: Zstd) => {
        await library.init();
        return library;
      });
      return loaded;
    };
    return {
      compress: async ({ buffer }: Encodable) => Buffer.from((await zstd()).compress(buffer, 3)),
      decompress: async (buffer: Buffer) => Buffer.from((await zstd()).decompress(buffer)),
    };
  };
};

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
  /** The heap is for a frame that does not tell its size, as those of streaming writers (Kafka's Java client) are. */
  decompress(data: Uint8Array, options: { readonly defaultHeapSize: number }): Uint8Array;
}
interface Encodable {
  readonly buffer: Buffer;
}

const heapSizes = [1, 8, 64, 256].map((mebibytes) => mebibytes * 1_048_576);

const decompressZstd = (library: Zstd, data: Buffer): Buffer => {
  let fault: unknown;
  for (const defaultHeapSize of heapSizes) {
    try {
      return Buffer.from(library.decompress(data, { defaultHeapSize }));
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
};

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
  // Once for all: kafkajs asks for a codec with every batch, and a library that is made anew under a batch garbles it.
  let loaded: Promise<Zstd> | undefined;
  const zstd = (): Promise<Zstd> => {
    loaded ??= import('@bokuweb/zstd-wasm').then(async (library: Zstd) => {
      await library.init();
      return library;
    });
    return loaded;
  };
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: Encodable) => Buffer.from((await zstd()).compress(buffer, 3)),
    decompress: async (buffer: Buffer) => decompressZstd(await zstd(), buffer),
  });
};

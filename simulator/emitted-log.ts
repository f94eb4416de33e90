import { deflateRaw, inflateRawSync } from 'node:zlib';

/** Lines in the order of their coming, packed as they grow: an oracle for tests that run for long. */
export interface EmittedLog {
  add(line: string): void;
  lines(): AsyncGenerator<string>;
  clear(): void;
}

const linesPerBlock = 2_000;

export const createEmittedLog = (): EmittedLog => {
  let blocks: { data: Buffer; isPacked: boolean }[] = [];
  let open: string[] = [];
  return {
    add: (line) => {
      open.push(line);
      if (open.length < linesPerBlock) return;
      const block = { data: Buffer.from(open.join('')), isPacked: false };
      open = [];
      blocks.push(block);
      deflateRaw(block.data, { level: 1 }, (error, packed) => {
        if (error !== null) return;
        block.data = packed;
        block.isPacked = true;
      });
    },
    async *lines() {
      const [closed, rest] = [[...blocks], open.join('')];
      for (const { data, isPacked } of closed) {
        yield (isPacked ? inflateRawSync(data) : data).toString('utf8');
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (rest !== '') yield rest;
    },
    clear: () => {
      blocks = [];
      open = [];
    },
  };
};

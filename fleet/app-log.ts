import { createWriteStream, existsSync, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';

export interface AppLog {
  write(line: string): void;
  close(): Promise<void>;
}

/**
 * The one log file of a running fleet, always by the same name. When it reaches `maxBytes` it becomes `.1`, the older
 * ones move up, and `keep` of them stay.
 */
export const openAppLog = (path: string, { maxBytes = 20 * 1024 * 1024, keep = 5 } = {}): AppLog => {
  mkdirSync(dirname(path), { recursive: true });
  const open = (): WriteStream => {
    const opened = createWriteStream(path, { flags: 'a' });
    // A full disk must not stop the fleet.
    opened.on('error', () => undefined);
    return opened;
  };
  let bytes = existsSync(path) ? statSync(path).size : 0;
  let stream = open();

  const rotate = (): void => {
    // The old stream keeps its file by descriptor, so what it still holds lands under the new name.
    stream.end();
    for (let number = keep - 1; number >= 0; number -= 1) {
      const from = number === 0 ? path : `${path}.${number}`;
      if (existsSync(from)) renameSync(from, `${path}.${number + 1}`);
    }
    stream = open();
    bytes = 0;
  };

  return {
    write: (line) => {
      if (bytes >= maxBytes && existsSync(path)) rotate();
      bytes += Buffer.byteLength(line) + 1;
      stream.write(`${line}\n`);
    },
    close: () =>
      new Promise((resolve) => {
        stream.end(() => {
          resolve();
        });
      }),
  };
};

import { InfrastructureError } from '../../shared/errors.ts';

export interface KeyUses {
  readonly note: (keyId: string) => void;
  /** Writes what was noted; while Postgres is away it is kept for the next time. */
  flush(): Promise<void>;
  /** Writes the last ones. */
  close(): Promise<void>;
}

const writeEveryMs = 60_000;

/** Remembers when keys were last used and writes it once a minute, so that no request waits for it. */
export const createKeyUses = (
  write: (uses: readonly { readonly keyId: string; readonly agoMs: number }[]) => Promise<void>,
  now: () => number,
): KeyUses => {
  let usedAt = new Map<string, number>();
  const flush = async (): Promise<void> => {
    const taken = usedAt;
    usedAt = new Map();
    const writtenAt = now();
    try {
      await write([...taken].map(([keyId, at]) => ({ keyId, agoMs: writtenAt - at })));
    } catch (error) {
      if (!(error instanceof InfrastructureError)) throw error;
      // Later uses of the meantime win.
      usedAt = new Map([...taken, ...usedAt]);
    }
  };
  const timer = setInterval(() => void flush(), writeEveryMs);
  timer.unref();
  return {
    note: (keyId) => void usedAt.set(keyId, now()),
    flush,
    close: async () => {
      clearInterval(timer);
      await flush();
    },
  };
};

import pg from 'pg';

/** A standing ear for one of Postgres's channels. */
export interface Listener {
  close(): Promise<void>;
}

const reconnectMs = 1_000;

/**
 * Calls `onNotice` whenever something is told on the channel, and also when the connection was lost and is back: what was
 * told in between is gone, so whoever caches must look again then. Connects by itself, again and again. `payload` is what was
 * told, undefined where it was the connection; `onState` hears before that whether anything can be told now.
 */
export const listenTo = (
  databaseUrl: string,
  channel: string,
  onNotice: (payload: string | undefined) => void,
  onState: (isListening: boolean) => void = () => undefined,
): Listener => {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const connect = async (): Promise<void> => {
    const next = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      application_name: 'mailfleet-listener',
    });
    client = next;
    let isLost = false;
    const lose = (): void => {
      if (isLost) return;
      isLost = true;
      next.removeAllListeners('notification');
      if (isClosed) return;
      timer = setTimeout(() => void connect(), reconnectMs);
      onState(false);
      onNotice(undefined);
    };
    next.on('error', lose);
    next.on('end', lose);
    next.on('notification', ({ payload }) => {
      onNotice(payload ?? '');
    });
    try {
      await next.connect();
      await next.query(`listen ${pg.escapeIdentifier(channel)}`);
      onState(true);
      onNotice(undefined);
    } catch {
      // The pool's own statements tell that Postgres is away; here there is only the next try.
      await next.end().catch(() => undefined);
      lose();
    }
  };
  void connect();

  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
};

export const postgresUser = 'mailfleet';
export const postgresDatabase = 'mailfleet';

/** The address of the embedded Postgres. */
export const embeddedPostgresUrl = (port: number, password: string): string =>
  `postgres://${postgresUser}:${password}@127.0.0.1:${port}/${postgresDatabase}`;

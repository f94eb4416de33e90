import type { Database } from './connect.ts';

/** Where an account wants to be called. Secrets are sealed. */
export interface Endpoint {
  readonly id: string;
  readonly accountId: string;
  readonly url: string;
  readonly description: string;
  readonly events: readonly string[];
  readonly batched: boolean;
  readonly enabled: boolean;
  readonly oldSecretUntil: Date | null;
  readonly failingSince: Date | null;
  readonly disabledAt: Date | null;
  readonly disabledReason: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface EndpointRow {
  id: string;
  account_id: string;
  url: string;
  description: string;
  events: string[];
  batched: boolean;
  enabled: boolean;
  old_secret_until: Date | null;
  failing_since: Date | null;
  disabled_at: Date | null;
  disabled_reason: string | null;
  created_at: Date;
  updated_at: Date;
}
const columns = `id, account_id, url, description, events, batched, enabled,
  case when old_secret_until > now() then old_secret_until end as old_secret_until,
  failing_since, disabled_at, disabled_reason, created_at, updated_at`;
const endpointOf = (row: EndpointRow): Endpoint => ({
  id: row.id,
  accountId: row.account_id,
  url: row.url,
  description: row.description,
  events: row.events,
  batched: row.batched,
  enabled: row.enabled,
  oldSecretUntil: row.old_secret_until,
  failingSince: row.failing_since,
  disabledAt: row.disabled_at,
  disabledReason: row.disabled_reason,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
const first = ({ rows: [row] }: { rows: EndpointRow[] }): Endpoint | undefined => row && endpointOf(row);

/** An endpoint among those of its account. */
export interface EndpointName {
  readonly accountId: string;
  readonly id: string;
}

/** Stores a new endpoint; undefined when the account has `atMost` already. */
export const createEndpoint = async (
  db: Database,
  made: EndpointName & Pick<Endpoint, 'url' | 'description' | 'events' | 'batched'> & { readonly secret: string },
  atMost: number,
): Promise<Endpoint | undefined> =>
  first(
    await db.query<EndpointRow>(
      `insert into webhook_endpoints (id, account_id, url, description, events, batched, secret)
       select $1, $2, $3, $4, $5, $6, $7 where (select count(*) from webhook_endpoints where account_id = $2) < $8
       returning ${columns}`,
      [made.id, made.accountId, made.url, made.description, made.events, made.batched, made.secret, atMost],
    ),
  );

/** An account's endpoints, oldest first. */
export const listEndpoints = async (db: Database, accountId: string): Promise<Endpoint[]> => {
  const { rows } = await db.query<EndpointRow>(
    `select ${columns} from webhook_endpoints where account_id = $1 order by created_at, id`,
    [accountId],
  );
  return rows.map(endpointOf);
};

/** Undefined when the account has no such endpoint. */
export const loadEndpoint = async (db: Database, { accountId, id }: EndpointName): Promise<Endpoint | undefined> =>
  first(
    await db.query<EndpointRow>(`select ${columns} from webhook_endpoints where account_id = $1 and id = $2`, [
      accountId,
      id,
    ]),
  );

type EndpointChange = Pick<Endpoint, 'url' | 'description' | 'events' | 'batched' | 'enabled'>;

/** Changes what is given; undefined when there is no such endpoint. One that is enabled begins afresh: it has not failed. */
export const changeEndpoint = async (
  db: Database,
  { accountId, id }: EndpointName,
  change: { readonly [K in keyof EndpointChange]?: EndpointChange[K] | undefined },
): Promise<Endpoint | undefined> =>
  first(
    await db.query<EndpointRow>(
      `update webhook_endpoints set url = coalesce($3, url), description = coalesce($4, description),
              events = coalesce($5, events), batched = coalesce($6, batched), enabled = coalesce($7, enabled),
              failing_since = case when $7 then null else failing_since end,
              disabled_at = case $7 when true then null when false then coalesce(disabled_at, now()) else disabled_at end,
              disabled_reason = case $7 when true then null when false then coalesce(disabled_reason, 'By the account.') else disabled_reason end,
              updated_at = now()
       where account_id = $1 and id = $2 returning ${columns}`,
      [
        accountId,
        id,
        change.url ?? null,
        change.description ?? null,
        change.events ?? null,
        change.batched ?? null,
        change.enabled ?? null,
      ],
    ),
  );

/** Signs with another secret from now on, and with the one before it too for `hours`. Undefined when there is no such endpoint. */
export const rotateSecret = async (
  db: Database,
  { accountId, id }: EndpointName,
  secret: string,
  hours: number,
): Promise<Endpoint | undefined> =>
  first(
    await db.query<EndpointRow>(
      `update webhook_endpoints set old_secret = secret, old_secret_until = now() + $4::int * interval '1 hour', secret = $3,
              updated_at = now()
       where account_id = $1 and id = $2 returning ${columns}`,
      [accountId, id, secret, hours],
    ),
  );

/** Answers whether there was such an endpoint. Its calls are not made any more, and are purged with time. */
export const deleteEndpoint = async (db: Database, { accountId, id }: EndpointName): Promise<boolean> => {
  const { rowCount } = await db.query('delete from webhook_endpoints where account_id = $1 and id = $2', [
    accountId,
    id,
  ]);
  return (rowCount ?? 0) > 0;
};

/** The endpoints of these accounts that want to hear of something now. */
export const enabledEndpoints = async (
  db: Database,
  accountIds: readonly string[],
): Promise<readonly Pick<Endpoint, 'id' | 'accountId' | 'events' | 'batched'>[]> => {
  if (accountIds.length === 0) return [];
  const { rows } = await db.query<{ id: string; account_id: string; events: string[]; batched: boolean }>(
    `select id, account_id, events, batched from webhook_endpoints where account_id = any($1::text[]) and enabled order by id`,
    [accountIds],
  );
  return rows.map(({ account_id: accountId, ...row }) => ({ ...row, accountId }));
};

/** What calls have met at one endpoint. */
export interface EndpointNews {
  readonly id: string;
  readonly succeeded: boolean;
  /** It said that it is gone for good. */
  readonly gone: boolean;
}

/**
 * Notes how calls went. An endpoint that says it is gone, or at which none has succeeded for `failDays`, is disabled and
 * says why. Answers those that were disabled now. Rows are written only where something changes.
 */
export const noteEndpoints = async (
  db: Database,
  news: readonly EndpointNews[],
  failDays: number,
): Promise<readonly { readonly id: string; readonly reason: string }[]> => {
  if (news.length === 0) return [];
  const sorted = [...news].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { rows } = await db.query<{ id: string; reason: string | null }>(
    `with given as (
       select n.id, n.succeeded, n.gone,
              not n.succeeded and e.failing_since < now() - $4::int * interval '1 day' as is_over
       from unnest($1::text[], $2::bool[], $3::bool[]) as n(id, succeeded, gone) join webhook_endpoints e using (id)
       where (n.succeeded and e.failing_since is not null) or (not n.succeeded and e.failing_since is null)
          or n.gone or (not n.succeeded and e.failing_since < now() - $4::int * interval '1 day')
       order by n.id for update of e
     )
     update webhook_endpoints e set
       failing_since = case when g.succeeded then null else coalesce(e.failing_since, now()) end,
       enabled = e.enabled and not g.gone and not coalesce(g.is_over, false),
       disabled_at = case when e.enabled and (g.gone or g.is_over) then now() else e.disabled_at end,
       disabled_reason = case when e.enabled and g.gone then 'It answered 410: it is gone.'
                              when e.enabled and g.is_over then 'No call has succeeded for ' || $4::int || ' days.'
                              else e.disabled_reason end
     from given g where e.id = g.id
     returning e.id, case when not e.enabled then e.disabled_reason end as reason`,
    [sorted.map(({ id }) => id), sorted.map(({ succeeded }) => succeeded), sorted.map(({ gone }) => gone), failDays],
  );
  return rows.flatMap(({ id, reason }) => (reason === null ? [] : [{ id, reason }]));
};

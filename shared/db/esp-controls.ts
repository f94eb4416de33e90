import type { Database, Pool } from './connect.ts';
import { noteRecovery, routingChannel } from './esp-health.ts';
import { noControls, type EspControls } from './esp-states.ts';

/** Who asks for a change, and why. */
export interface Change {
  readonly action: string;
  readonly accountId: string;
  readonly reason: string | null;
}

interface ControlsRow {
  mode: EspControls['mode'];
  per_second: number | null;
  per_day: string | null;
  per_month: string | null;
  ramp: EspControls['ramp'];
}

const fromRow = (row: ControlsRow | undefined): EspControls =>
  row === undefined
    ? noControls
    : {
        mode: row.mode,
        perSecond: row.per_second,
        perDay: row.per_day === null ? null : Number(row.per_day),
        perMonth: row.per_month === null ? null : Number(row.per_month),
        ramp: row.ramp,
      };

/**
 * Changes what is set for an ESP, keeps who did it and why, and tells every process; `next` sees what holds at that moment,
 * and answers undefined to leave it. Answers what now holds.
 */
export const changeControls = async (
  pool: Pool,
  esp: string,
  change: Change,
  next: (before: EspControls) => EspControls | undefined,
): Promise<EspControls> =>
  pool.transaction(async (db) => {
    // Locked even before there is a row: two operators at once must not overwrite each other unseen.
    await db.query(`select pg_advisory_xact_lock(hashtext('esp_controls'), hashtext($1))`, [esp]);
    const { rows } = await db.query<ControlsRow>(
      'select mode, per_second, per_day, per_month, ramp from esp_controls where esp = $1',
      [esp],
    );
    const before = fromRow(rows[0]);
    const after = next(before);
    if (after === undefined) return before;
    await db.query(
      `insert into esp_controls (esp, mode, per_second, per_day, per_month, ramp) values ($1, $2, $3, $4, $5, $6::jsonb)
       on conflict (esp) do update set mode = excluded.mode, per_second = excluded.per_second, per_day = excluded.per_day,
         per_month = excluded.per_month, ramp = excluded.ramp, updated_at = now()`,
      [
        esp,
        after.mode,
        after.perSecond,
        after.perDay,
        after.perMonth,
        after.ramp === null ? null : JSON.stringify(after.ramp),
      ],
    );
    // What is sent while there is no limit is not counted: a later one begins with what the statistics say.
    await db.query(
      `delete from esp_budgets where esp = $1 and ((period = 'second' and $2::int is null)
         or (period = 'day' and $3::bigint is null) or (period = 'month' and $4::bigint is null))`,
      [esp, after.perSecond, after.perDay, after.perMonth],
    );
    await db.query(
      'insert into esp_audit (esp, action, account_id, reason, before, after) values ($1, $2, $3, $4, $5::jsonb, $6::jsonb)',
      [esp, change.action, change.accountId, change.reason, JSON.stringify(before), JSON.stringify(after)],
    );
    if (before.mode !== 'active' && after.mode === 'active') await noteRecovery(db, esp);
    await db.query(`select pg_notify('${routingChannel}', $1)`, [esp]);
    return after;
  });

/** Who changed what about an ESP, newest first. */
export const readAudit = async (
  db: Database,
  esp: string,
  limit: number,
): Promise<
  { readonly at: Date; readonly action: string; readonly accountId: string; readonly reason: string | null }[]
> => {
  const { rows } = await db.query<{ at: Date; action: string; account_id: string; reason: string | null }>(
    'select at, action, account_id, reason from esp_audit where esp = $1 order by id desc limit $2',
    [esp, limit],
  );
  return rows.map(({ at, action, account_id: accountId, reason }) => ({ at, action, accountId, reason }));
};

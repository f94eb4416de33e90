import { espModes, type EspMode, type EspState } from '../domain/allowances.ts';
import { budgetShare, leastShare } from '../domain/budget-share.ts';
import { rampShare, type Ramp } from '../domain/ramp.ts';
import type { Database } from './connect.ts';
import type { StoredHealth } from './esp-health.ts';

/** What an operator set for an ESP; null where there is no limit. */
export interface EspControls {
  readonly mode: EspMode;
  readonly perSecond: number | null;
  readonly perDay: number | null;
  readonly perMonth: number | null;
  readonly ramp: Ramp | null;
}

export interface FullEspState extends EspState {
  readonly health?: StoredHealth | undefined;
  readonly controls: EspControls;
  /** When its health or its controls were last written. */
  readonly updatedAt: Date | null;
  /** For how long from `now` on it wants to be left alone, in ms. */
  readonly restMs: number;
  /** Spent of its budgets in the day and month (UTC) that are running. */
  readonly spentToday: number;
  readonly spentThisMonth: number;
}

export interface EspStates {
  /** The round that is running, by Postgres's clock. */
  readonly round: number;
  /** When this was read, by Postgres's clock. */
  readonly now: Date;
  readonly byEsp: Readonly<Record<string, FullEspState>>;
}

export const noControls: EspControls = { mode: 'active', perSecond: null, perDay: null, perMonth: null, ramp: null };

interface StateRow {
  esp: string | null;
  round: string;
  now: Date;
  day_left: number;
  month_left_days: number;
  sent_yesterday: string;
  state: 'healthy' | 'unhealthy' | null;
  good_rounds: number | null;
  bad_rounds: number | null;
  last_round: string | null;
  last_error: string | null;
  trips: number | null;
  changed_round: string | null;
  health_updated_at: Date | null;
  updated_at: Date | null;
  mode: string | null;
  per_second: number | null;
  per_day: string | null;
  per_month: string | null;
  ramp: Ramp | null;
  rest_ms: number | null;
  is_resting: boolean;
  today: number | null;
  this_month: number | null;
}

const healthOf = (row: StateRow): StoredHealth | undefined =>
  row.esp === null || row.state === null
    ? undefined
    : {
        esp: row.esp,
        state: row.state,
        goodRounds: row.good_rounds ?? 0,
        badRounds: row.bad_rounds ?? 0,
        lastRound: Number(row.last_round),
        lastError: row.last_error,
        trips: row.trips ?? 0,
        changedRound: row.changed_round === null ? undefined : Number(row.changed_round),
        updatedAt: row.health_updated_at ?? new Date(0),
      };

const numberOrNull = (text: string | null): number | null => (text === null ? null : Number(text));

const controlsOf = (row: StateRow): EspControls => ({
  mode: espModes.find((mode) => mode === row.mode) ?? 'active',
  perSecond: row.per_second,
  perDay: numberOrNull(row.per_day),
  perMonth: numberOrNull(row.per_month),
  ramp: row.ramp,
});

/**
 * Reads health, controls and spent budgets of every ESP that has any of them, in one statement. What a ramp plan and the
 * budgets leave an ESP is told as the most of all mail it may have, by the mail of the last 24 hours.
 */
export const loadEspStates = async (db: Database, roundSeconds: number): Promise<EspStates> => {
  const { rows } = await db.query<StateRow>(
    `with named as (select esp from esp_health union select esp from esp_controls),
          spent as (
            select esp, max(spent) filter (where period = 'day' and since = date_trunc('day', now(), 'UTC')) as today,
                   max(spent) filter (where period = 'month' and since = date_trunc('month', now(), 'UTC')) as this_month
            from esp_budgets group by esp
          ), volume as (
            select coalesce(sum(sent), 0) as sent from esp_statistics
            where minute > now() - interval '1 day' and exists (select from esp_controls where per_day is not null or per_month is not null)
          )
     select floor(extract(epoch from now()) / $1::int) as round, volume.sent as sent_yesterday,
            (1 - extract(epoch from now() - date_trunc('day', now(), 'UTC')) / 86400)::float8 as day_left,
            (extract(epoch from (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC' - now()) / 86400)::float8 as month_left_days,
            now() as now,
            n.esp, h.state, h.good_rounds, h.bad_rounds, h.last_round, h.last_error, h.trips, h.changed_round,
            (extract(epoch from h.rest_until - now()) * 1000)::float8 as rest_ms, h.rest_until is not null as is_resting, h.updated_at as health_updated_at, greatest(h.updated_at, c.updated_at) as updated_at, c.mode, c.per_second, c.per_day, c.per_month, c.ramp, s.today, s.this_month
     from volume left join named n on true left join esp_health h using (esp) left join esp_controls c using (esp)
     left join spent s using (esp)`,
    [roundSeconds],
  );
  const byEsp: Record<string, FullEspState> = {};
  for (const row of rows) {
    if (row.esp === null) continue;
    const controls = controlsOf(row);
    const spentToday = row.today ?? 0;
    const spentThisMonth = row.this_month ?? 0;
    const budgets = budgetShare({
      ...{ perDay: controls.perDay, perMonth: controls.perMonth, spentToday, spentThisMonth },
      ...{ mailPerDay: Number(row.sent_yesterday), dayLeft: row.day_left, monthLeftDays: row.month_left_days },
    });
    byEsp[row.esp] = {
      health: healthOf(row),
      mode: controls.mode,
      most: leastShare(controls.ramp === null ? 1 : rampShare(controls.ramp), budgets),
      controls,
      updatedAt: row.updated_at,
      isResting: row.is_resting,
      restMs: Math.max(0, row.rest_ms ?? 0),
      spentToday,
      spentThisMonth,
    };
  }
  return { round: Number(rows[0]?.round ?? 0), now: rows[0]?.now ?? new Date(), byEsp };
};

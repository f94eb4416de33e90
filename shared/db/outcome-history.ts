import type { Database } from './connect.ts';

/** What became of an ESP's mail that was sent in the step beginning at `at`. */
export interface OutcomePoint {
  readonly at: Date;
  readonly sent: number;
  readonly delivered: number;
  readonly bounced: number;
  readonly complained: number;
  readonly opened: number;
}

type OutcomeRow = { at: Date } & Record<Exclude<keyof OutcomePoint, 'at'>, string>;

/** Outcomes of an account's mail through one ESP by the time of sending, oldest first; steps without mail are left out. */
export const outcomeHistory = async (
  db: Database,
  who: { readonly accountId: string; readonly esp: string },
  since: Date,
  stepSeconds: number,
): Promise<OutcomePoint[]> => {
  const { rows } = await db.query<OutcomeRow>(
    `select date_bin(make_interval(secs => $4::int), minute, timestamptz 'epoch') as at, sum(sent) as sent,
            sum(delivered) as delivered, sum(bounced) as bounced, sum(complained) as complained, sum(opened) as opened
     from esp_statistics
     where account_id = $1 and esp = $2 and minute >= date_bin(make_interval(secs => $4::int), $3, timestamptz 'epoch')
     group by 1 order by 1`,
    [who.accountId, who.esp, since, stepSeconds],
  );
  return rows.map((row) => ({
    at: row.at,
    sent: Number(row.sent),
    delivered: Number(row.delivered),
    bounced: Number(row.bounced),
    complained: Number(row.complained),
    opened: Number(row.opened),
  }));
};

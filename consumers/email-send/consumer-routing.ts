// What a sender knows of the ESPs and the standing weights: a snapshot at most a second old, renewed at once when Postgres
// tells that an ESP's health or controls have changed. Deciding costs no query of its own.
import type { Pool } from '../../shared/db/connect.ts';
import { decideStanding, type WeighSettings } from '../../shared/db/decide-weights.ts';
import { takeProbes } from '../../shared/db/esp-health.ts';
import { loadEspStates, noControls } from '../../shared/db/esp-states.ts';
import { latestDecision, type Decision } from '../../shared/db/weight-decisions.ts';
import type { Database } from '../../shared/db/connect.ts';
import { allowanceIn } from '../../shared/domain/allowances.ts';
import type { Allowance } from '../../shared/domain/esp-health.ts';
import type { FleetLimits } from './consumer-budgets.ts';
import { isNobodyLeft, probedOnly } from './order-esps.ts';

export type Allowances = Readonly<Record<string, Allowance>>;

export interface Routing {
  /** Of every configured ESP. */
  allowances(): Promise<Allowances>;
  /** The same, as last read: for a question that cannot wait. */
  readonly latest: () => Allowances;
  /** For how long, from now, an ESP wants to be left alone by the whole fleet, in ms. */
  readonly restMsOf: (esp: string) => number;
  /** What the fleet may send through an ESP, as last read; undefined when there is no limit. */
  readonly limitsOf: (esp: string) => FleetLimits | undefined;
  standing(accountId: string): Promise<Decision>;
  /** Whether no ESP may be sent anything but probes. */
  isShut(): Promise<boolean>;
  /** Takes this round's probes of all ESPs ahead of whoever sends them; answers how many there are to be sent. */
  holdProbes(): Promise<number>;
  /** Takes this round's probes of ESPs that get nothing else; answers whose probe is now the caller's to send. */
  takeProbes(db: Database, esps: readonly string[]): Promise<readonly string[]>;
  /** Forgets the snapshot. */
  readonly invalidate: () => void;
}

const ttlMs = 1_000;

export const routingOn = (pool: Pool, settings: WeighSettings): Routing => {
  let allowances: { readonly value: Allowances; readonly readAt: number } | undefined;
  let known: Allowances = {};
  let limits: ReadonlyMap<string, FleetLimits> = new Map();
  let restUntil: ReadonlyMap<string, number> = new Map();
  const standing = new Map<string, { readonly decision: Decision; readonly readAt: number }>();
  const probedAt = new Map<string, number>();
  // Read by the process's own clock, which nobody sets back.
  const isFresh = (readAt: number | undefined): boolean => readAt !== undefined && performance.now() - readAt < ttlMs;
  const held = new Set<string>();

  const read = async (): Promise<Allowances> => {
    const readAt = performance.now();
    const states = await loadEspStates(pool, settings.roundSeconds);
    known = Object.fromEntries(
      settings.esps.map((esp) => [esp, allowanceIn(states.byEsp[esp] ?? {}, states.round, settings.thresholds)]),
    );
    restUntil = new Map(settings.esps.map((esp) => [esp, readAt + (states.byEsp[esp]?.restMs ?? 0)]));
    limits = new Map(
      settings.esps
        .map((esp) => [esp, states.byEsp[esp]?.controls ?? noControls] as const)
        .filter(([, { perSecond, perDay, perMonth }]) => (perSecond ?? perDay ?? perMonth) !== null),
    );
    allowances = { value: known, readAt };
    return known;
  };

  const current = (): Promise<Allowances> =>
    allowances !== undefined && isFresh(allowances.readAt) ? Promise.resolve(allowances.value) : read();
  const takeDue = async (db: Database, esps: readonly string[]): Promise<readonly string[]> => {
    // One question a second and ESP is enough to get every round's probe to somebody.
    const due = esps.filter((esp) => !isFresh(probedAt.get(esp)));
    for (const esp of due) probedAt.set(esp, performance.now());
    return due.length === 0 ? [] : takeProbes(db, due, settings.roundSeconds);
  };

  return {
    allowances: current,
    isShut: async () => isNobodyLeft(settings.esps, await current()),
    holdProbes: async () => {
      for (const esp of await takeDue(pool, probedOnly(settings.esps, await current()))) held.add(esp);
      return held.size;
    },
    latest: () => known,
    restMsOf: (esp) => Math.max(0, (restUntil.get(esp) ?? 0) - performance.now()),
    limitsOf: (esp) => limits.get(esp),
    standing: async (accountId) => {
      const cached = standing.get(accountId);
      if (cached !== undefined && isFresh(cached.readAt)) return cached.decision;
      const readAt = performance.now();
      const latest = await latestDecision(pool, accountId, '');
      const isUsable =
        latest?.policy === settings.policy &&
        settings.esps.every((esp) => latest.weights[esp] !== undefined) &&
        Object.keys(latest.weights).length === settings.esps.length;
      // Normally the weights' ticker has decided; a new account or a new ESP must not wait for it.
      const decision = isUsable ? latest : await pool.transaction((db) => decideStanding(db, accountId, settings));
      standing.set(accountId, { decision, readAt });
      return decision;
    },
    takeProbes: async (db, esps) => {
      const mine = esps.filter((esp) => held.delete(esp));
      return [
        ...mine,
        ...(await takeDue(
          db,
          esps.filter((esp) => !mine.includes(esp)),
        )),
      ];
    },
    invalidate: () => {
      allowances = undefined;
      standing.clear();
      // Calls that are under way ask `latest`. With Postgres away they go on by what was known.
      void read().catch(() => undefined);
    },
  };
};

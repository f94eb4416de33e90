import type { EspEntry } from '../../../shared/contracts/routing-api.ts';
import type { Situation, WeighSettings } from '../../../shared/db/decide-weights.ts';
import { noControls, type EspStates } from '../../../shared/db/esp-states.ts';
import { allowanceIn, allowanceInWords, takesNewMail } from '../../../shared/domain/allowances.ts';
import { healthAt, newHealth } from '../../../shared/domain/esp-health.ts';
import type { Esp } from '../../../shared/esp/esp.ts';

/** What is told of an ESP: what it is, what an operator wants of it, how it does, and what it may have now. */
export const espEntry = (
  { name, kind, limits }: Pick<Esp, 'name' | 'kind' | 'limits'>,
  { byEsp, round }: EspStates,
  thresholds: WeighSettings['thresholds'],
  weights: Readonly<Record<string, number>>,
): EspEntry => {
  const state = byEsp[name];
  const health = healthAt(state?.health ?? newHealth, round, thresholds);
  const { mode, perSecond, perDay, perMonth, ramp } = state?.controls ?? noControls;
  return {
    esp: name,
    kind,
    state: mode,
    health: health.state,
    goodRounds: health.goodRounds,
    badRounds: health.badRounds,
    trips: health.trips,
    allowance: allowanceInWords(allowanceIn(state ?? {}, round, thresholds), state ?? {}),
    weight: weights[name] ?? 0,
    limits: {
      deliveriesPerCall: limits.deliveriesPerCall,
      bytesPerCall: limits.bytesPerCall,
      concurrentCalls: limits.concurrentCalls,
      perSecond,
      perDay,
      perMonth,
      ramp,
      spentToday: state?.spentToday ?? 0,
      spentThisMonth: state?.spentThisMonth ?? 0,
    },
    lastError: state?.health?.lastError ?? null,
    updatedAt: state?.updatedAt?.toISOString() ?? null,
  };
};

/** What to tell somebody who leaves no ESP for new mail; undefined while there is one. */
export const warningFor = (
  { esps, thresholds }: Pick<WeighSettings, 'esps' | 'thresholds'>,
  { byEsp, round }: Situation['states'],
): string | undefined => {
  const allowances = esps.map((esp) => allowanceIn(byEsp[esp] ?? {}, round, thresholds));
  if (allowances.some(takesNewMail)) return undefined;
  // Somebody must be planned for; a draining ESP sends what it is planned for.
  return allowances.some(({ kind }) => kind === 'drain')
    ? 'No ESP is open for new mail: a draining one goes on getting a part of it, what is planned for a paused one waits.'
    : 'No ESP is open for new mail: it waits until one is resumed.';
};

import type { EspEvidence } from '../../shared/domain/evidence.ts';
import type { EspHealth } from '../../shared/domain/esp-health.ts';
import type { ByCell } from '../../shared/domain/policies/policy.ts';
import type { RampSigns } from '../../shared/domain/ramp.ts';

const mean = (numbers: readonly number[]): number | undefined =>
  numbers.length === 0 ? undefined : numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** What the standing decision says for or against letting a new ESP have more. */
export const rampSigns = (
  esp: string,
  health: EspHealth | undefined,
  decision: {
    readonly basis: { readonly scores: ByCell };
    readonly evidence: Readonly<Record<string, EspEvidence>>;
  },
): RampSigns => {
  const evidence = decision.evidence[esp];
  const cells = Object.values(decision.basis.scores);
  const hasEvidence = (evidence?.settled ?? 0) > 0;
  return {
    isHealthy: health?.state !== 'unhealthy',
    score: hasEvidence ? mean(cells.flatMap((scores) => scores[esp] ?? [])) : undefined,
    usual: mean(
      cells.flatMap((scores) => Object.entries(scores).flatMap(([name, score]) => (name === esp ? [] : [score]))),
    ),
    complaintRate: (evidence?.complained ?? 0) / Math.max(1, evidence?.delivered ?? 0),
  };
};

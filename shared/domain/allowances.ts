import {
  allowanceOf,
  healthAt,
  newHealth,
  type Allowance,
  type EspHealth,
  type HealthThresholds,
} from './esp-health.ts';

export const espModes = ['active', 'paused', 'draining', 'probe-only'] as const;
/**
 * What an operator wants of an ESP: to be used; to get nothing at all; to get nothing new, but to send what it was
 * planned for; to get one message a round.
 */
export type EspMode = (typeof espModes)[number];

/** What is known of an ESP besides the quality of its work. */
export interface EspState {
  readonly health?: EspHealth | undefined;
  readonly mode?: EspMode | undefined;
  /** Whether it asked to be left alone, and has not taken anything since. */
  readonly isResting?: boolean | undefined;
  /** The most of all mail that its ramp plan and its budgets leave it now, 0 … 1. */
  readonly most?: number | undefined;
}

const narrower = (a: Allowance, most: number | undefined): Allowance => {
  if (most === undefined || most >= 1 || (a.kind !== 'any' && a.kind !== 'share')) return a;
  return { kind: 'share', most: a.kind === 'share' ? Math.min(a.most, most) : most };
};

/** What an ESP may have of the mail in a round: what its operator, its health, its ramp plan and its budgets all allow. */
export const allowanceIn = (state: EspState, round: number, thresholds: HealthThresholds): Allowance => {
  if (state.mode === 'paused') return { kind: 'none' };
  if (state.mode === 'draining') return { kind: 'drain' };
  if (state.mode === 'probe-only') return { kind: 'probe' };
  // When its time is over one message shows whether it takes mail again, not a share of everybody's.
  if (state.isResting === true) return { kind: 'probe' };
  return narrower(allowanceOf(healthAt(state.health ?? newHealth, round, thresholds), round), state.most);
};

/** Whether new mail may be planned for it at all, were it a single message. */
export const takesNewMail = ({ kind }: Allowance): boolean => kind !== 'none' && kind !== 'drain';

/** An allowance in a few words, for a person. */
export const allowanceInWords = (allowance: Allowance, state: EspState): string => {
  switch (allowance.kind) {
    case 'any':
      return 'any share';
    case 'share':
      return `at most ${(allowance.most * 100).toFixed(1)} %`;
    case 'probe':
      if (state.mode === 'probe-only') return 'probes only, as an operator decided';
      return state.isResting === true ? 'resting, as it asked: probes only' : 'unhealthy: probes only';
    case 'drain':
      return 'draining: nothing new';
    case 'none':
      return 'paused';
    default:
      return allowance satisfies never;
  }
};

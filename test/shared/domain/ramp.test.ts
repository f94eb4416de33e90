import { describe, expect, it } from '@jest/globals';
import { newRamp, rampShare, stepRamp, type Ramp, type RampSigns } from '../../../shared/domain/ramp.ts';

const start = new Date('2026-03-01T08:00:00Z');
const hoursLater = (hours: number): Date => new Date(start.getTime() + hours * 3_600_000);
const fine: RampSigns = { isHealthy: true, score: 0.96, usual: 0.97, complaintRate: 0.0005 };
const ramp = newRamp(15, start);

describe('A ramp plan', () => {
  it('begins with the share of its first day', () => {
    expect(ramp).toEqual({ percentPerDay: 15, percent: 15, steppedAt: '2026-03-01T08:00:00.000Z' });
    expect(rampShare(ramp)).toBe(0.15);
  });

  it('grows once a day, up to everything', () => {
    expect(stepRamp(ramp, hoursLater(23.9), fine)).toBeUndefined();
    let now: Ramp = ramp;
    const percents: number[] = [];
    for (let day = 1; day <= 8; day += 1) {
      const next = stepRamp(now, hoursLater(24 * day), fine);
      if (next === undefined) break;
      now = next;
      percents.push(now.percent);
    }
    expect(percents).toEqual([30, 45, 60, 75, 90, 100]);
    expect(rampShare(now)).toBe(1);
  });

  it.each<[string, Partial<RampSigns>, RegExp]>([
    ['is unhealthy', { isHealthy: false }, /unhealthy/],
    ['draws complaints', { complaintRate: 0.0011 }, /0\.11 % of its mail is complained about/],
    ['does worse than the others', { score: 0.94, usual: 0.97 }, /3\.0 % worse than the others/],
  ])('is held for a day, with the reason, while the ESP %s', (_, signs, why) => {
    const held = stepRamp(ramp, hoursLater(24), { ...fine, ...signs });
    expect(held).toMatchObject({ percent: 15, steppedAt: hoursLater(24).toISOString() });
    expect(held?.held).toMatch(why);
    if (held === undefined) return;
    expect(stepRamp(held, hoursLater(47), fine)).toBeUndefined();
    const next = stepRamp(held, hoursLater(48), fine);
    expect(next).toEqual({ percentPerDay: 15, percent: 30, steppedAt: hoursLater(48).toISOString() });
  });

  it('is not held for want of evidence', () => {
    const unknown = { isHealthy: true, complaintRate: 0 };
    for (const signs of [unknown, { ...unknown, usual: 0.97 }, { ...unknown, score: 0.5 }]) {
      expect(stepRamp(ramp, hoursLater(24), signs)).toMatchObject({ percent: 30 });
    }
  });

  it('keeps its share within 0 and 1', () => {
    expect(rampShare({ ...ramp, percent: -3 })).toBe(0);
    expect(rampShare({ ...ramp, percent: 300 })).toBe(1);
  });
});

import { createLatencyHistogram } from '../../shared/domain/latency-histogram.ts';

/** What a process has answered since it started: the figures of `GET /metrics` as JSON. */
export interface RequestStats {
  readonly request: (ms: number, status: number) => void;
  readonly events: (type: 'delivered' | 'bounced', by: number) => void;
  readonly report: () => {
    readonly requests: number;
    readonly failed: number;
    readonly delivered: number;
    readonly bounced: number;
    readonly meanMs: number;
    readonly p95Ms: number;
  };
}

export const createRequestStats = (): RequestStats => {
  const times = createLatencyHistogram();
  const counts = { delivered: 0, bounced: 0 };
  let failed = 0;
  return {
    request: (ms, status) => {
      times.add(ms);
      if (status >= 500) failed += 1;
    },
    events: (type, by) => {
      counts[type] += by;
    },
    report: () => ({ requests: times.count, failed, ...counts, meanMs: times.mean, p95Ms: times.percentile(0.95) }),
  };
};

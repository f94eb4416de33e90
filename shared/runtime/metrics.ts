import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** The metrics of one process; labels are names of ours (topic, group, ESP), never an address or a domain. */
export interface Metrics {
  counter(
    name: string,
    help: string,
    labels?: readonly string[],
  ): (labels?: Record<string, string>, by?: number) => void;
  gauge(
    name: string,
    help: string,
    labels?: readonly string[],
  ): (value: number, labels?: Record<string, string>) => void;
  /** Observes seconds. */
  histogram(
    name: string,
    help: string,
    labels?: readonly string[],
  ): (seconds: number, labels?: Record<string, string>) => void;
  /** Prometheus text format 0.0.4. */
  render(): Promise<string>;
  readonly contentType: string;
}

const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Names get the prefix `mailfleet_`; the process's name is a label of everything. */
export const createMetrics = (processName: string): Metrics => {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  const base = (name: string, help: string, labels: readonly string[] = []) => ({
    name: `mailfleet_${name}`,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter: (name, help, labels) => {
      const counter = new Counter(base(name, help, labels));
      return (values = {}, by = 1) => {
        counter.inc(values, by);
      };
    },
    gauge: (name, help, labels) => {
      const gauge = new Gauge(base(name, help, labels));
      return (value, values = {}) => {
        gauge.set(values, value);
      };
    },
    histogram: (name, help, labels) => {
      const histogram = new Histogram({ ...base(name, help, labels), buckets: secondsBuckets });
      return (seconds, values = {}) => {
        histogram.observe(values, seconds);
      };
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
};

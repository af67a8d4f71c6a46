/** A prom-client collector: `collectSecrets(client)`, and every scrape shows the secrets' health. */

import { METRICS, healthOf, type Observed } from './metrics.js';

/** What is used of prom-client, from version 14 on. */
export interface PromClient<Registry> {
  Counter: new (configuration: MetricConfiguration<Registry>) => PromMetric;
  Gauge: new (configuration: MetricConfiguration<Registry>) => PromMetric;
}

interface MetricConfiguration<Registry> {
  name: string;
  help: string;
  labelNames: string[];
  aggregator?: 'max';
  registers?: Registry[];
  collect(): void;
}

interface PromMetric {
  reset(): void;
  inc(labels: Record<string, string>, value: number): void;
}

/**
 * Registers every metric, on prom-client's default registry unless another one is given. They are computed when they
 * are scraped; before `initializeSecrets()` was called they have no values. In a cluster the gauges are those of the worker
 * that is worst off.
 */
export function collectSecrets<Registry>(
  client: PromClient<Registry>,
  { register, secrets }: { register?: Registry; secrets?: Observed } = {},
): void {
  for (const { name, help, type, labels, samples } of METRICS) {
    const metric: PromMetric = new (type === 'counter' ? client.Counter : client.Gauge)({
      name,
      help,
      labelNames: [...labels],
      ...(type === 'gauge' ? { aggregator: 'max' as const } : {}),
      ...(register === undefined ? {} : { registers: [register] }),
      collect() {
        metric.reset();
        const health = healthOf(secrets);
        for (const [values, value] of health ? samples(health) : []) {
          metric.inc(Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ''])), value);
        }
      },
    });
  }
}

/** A prom-client collector: `collectSecrets(client)`, and every scrape shows the secrets' health. */

import { METRICS } from './generated/metrics.js';
import { labelled, observe, type Observed } from './observed.js';

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
  for (const { name, help, type, labels } of METRICS) {
    const metric: PromMetric = new (type === 'counter' ? client.Counter : client.Gauge)({
      name,
      help,
      labelNames: [...labels],
      ...(type === 'gauge' ? { aggregator: 'max' as const } : {}),
      ...(register === undefined ? {} : { registers: [register] }),
      collect() {
        metric.reset();
        for (const sample of observe(secrets, (it) => it.metrics()) ?? []) {
          if (sample.metric === name) metric.inc(labelled(labels, sample), sample.value);
        }
      },
    });
  }
}

/** Observable instruments for OpenTelemetry: `observeSecrets(meter)`. */

import { METRICS, healthOf, type Observed } from './metrics.js';

/** What is used of a Meter of `@opentelemetry/api`. */
export interface MeterLike<Observable> {
  createObservableCounter(name: string, options: InstrumentOptions): Observable;
  createObservableGauge(name: string, options: InstrumentOptions): Observable;
  addBatchObservableCallback(callback: Observe<Observable>, instruments: Observable[]): void;
  removeBatchObservableCallback(callback: Observe<Observable>, instruments: Observable[]): void;
}

interface InstrumentOptions {
  description: string;
  unit?: string;
}

type Observe<Observable> = (result: {
  observe(instrument: Observable, value: number, attributes: Record<string, string>): void;
}) => void;

/**
 * Makes an instrument of every metric. They are observed when the meter's reader collects; before `initializeSecrets()`
 * was called they have no values. Returns a function that ends it: call it once the secrets are closed, or the reader goes
 * on reporting the last values.
 */
export function observeSecrets<Observable>(
  meter: MeterLike<Observable>,
  { secrets }: { secrets?: Observed } = {},
): () => void {
  const observed = METRICS.map((metric) => {
    const { name, help, type } = metric;
    const options = { description: help, ...(name.includes('_seconds') ? { unit: 's' } : {}) };
    const instrument =
      type === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
    return { metric, instrument };
  });
  const observe: Observe<Observable> = (result) => {
    const health = healthOf(secrets);
    if (!health) return;
    for (const { metric, instrument } of observed) {
      for (const [values, value] of metric.samples(health)) {
        const attributes = Object.fromEntries(metric.labels.map((label, index) => [label, values[index] ?? '']));
        result.observe(instrument, value, attributes);
      }
    }
  };
  const instruments = observed.map(({ instrument }) => instrument);
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}

/** Observable instruments for OpenTelemetry: `observeSecrets(meter)`. */

import { METRICS } from './generated/metrics.js';
import { labelled, observe, type Observed } from './observed.js';

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
  const instruments = METRICS.map(({ name, help, type }) => {
    const options = { description: help, ...(name.includes('_seconds') ? { unit: 's' } : {}) };
    return type === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
  });
  const report: Observe<Observable> = (result) => {
    for (const sample of observe(secrets, (it) => it.metrics()) ?? []) {
      const index = METRICS.findIndex(({ name }) => name === sample.metric);
      const [metric, instrument] = [METRICS[index], instruments[index]];
      if (metric && instrument) result.observe(instrument, sample.value, labelled(metric.labels, sample));
    }
  };
  meter.addBatchObservableCallback(report, instruments);
  return () => meter.removeBatchObservableCallback(report, instruments);
}

/** CloudWatch through its embedded metric format: one line of JSON in the log, no call and no permission. */

import type { MetricName } from './generated/documents.js';
import { observe, type Observed } from './observed.js';

/** Each is one number for the whole set of secrets: CloudWatch charges by metric. */
const METRICS = [
  { Name: 'FailedFetches', Unit: 'Count' },
  { Name: 'FailingServices', Unit: 'Count' },
  { Name: 'FallbackServices', Unit: 'Count' },
  { Name: 'Fetches', Unit: 'Count' },
  { Name: 'OldestAge', Unit: 'Seconds' },
  { Name: 'OldestVersion', Unit: 'Seconds' },
  { Name: 'StaleServices', Unit: 'Count' },
  { Name: 'UnavailableServices', Unit: 'Count' },
] as const;

/**
 * Returns a function that makes one line in the embedded metric format, to be written to the log as it is, every minute
 * say. Fetches are counted since the previous line. Before `initializeSecrets()` was called it returns no line.
 */
export function embeddedMetrics({
  namespace = 'Permisos/Secrets',
  secrets,
}: { namespace?: string; secrets?: Observed } = {}): () => string | undefined {
  let before = { Fetches: 0, FailedFetches: 0 };
  return () => {
    const observed = observe(secrets, (it) => ({ environment: it.health().environment, samples: it.metrics() }));
    if (!observed) return undefined;
    const { environment, samples } = observed;
    const of = (name: MetricName): typeof samples => samples.filter(({ metric }) => metric === name);
    const count = (calls: typeof samples): number => calls.reduce((sum, { value }) => sum + value, 0);
    const fetches = of('permisos_secrets_fetches_total');
    const total = { Fetches: count(fetches), FailedFetches: count(fetches.filter(({ labels }) => labels[2] !== 'ok')) };
    // Fewer than before: other secrets were initialized meanwhile.
    const since = (name: keyof typeof total): number =>
      total[name] >= before[name] ? total[name] - before[name] : total[name];
    const oldest = (name: MetricName): number => Math.max(0, ...of(name).map(({ value }) => value));
    const those = (name: MetricName): string[] =>
      of(name).flatMap(({ labels: [, service], value }) => (service !== undefined && value > 0 ? [service] : []));
    const failing = those('permisos_secrets_consecutive_failures');
    const fallback = those('permisos_secrets_fallback_active');
    const stale = those('permisos_secrets_stale');
    const unavailable = those('permisos_secrets_unavailable');
    const line = {
      _aws: {
        Timestamp: Date.now(),
        CloudWatchMetrics: [{ Namespace: namespace, Dimensions: [['Environment']], Metrics: METRICS }],
      },
      Environment: environment,
      FailedFetches: since('FailedFetches'),
      FailingServices: failing.length,
      FallbackServices: fallback.length,
      Fetches: since('Fetches'),
      OldestAge: oldest('permisos_secrets_age_seconds'),
      OldestVersion: oldest('permisos_secrets_version_age_seconds'),
      StaleServices: stale.length,
      UnavailableServices: unavailable.length,
      // Which ones: no metrics, for those who search the log.
      services: { failing, fallback, stale, unavailable },
    };
    before = total;
    return JSON.stringify(line);
  };
}

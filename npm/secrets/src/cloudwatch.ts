/** CloudWatch through its embedded metric format: one line of JSON in the log, no call and no permission. */

import { healthOf, isFallback, isStale, type Observed } from './metrics.js';

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
    const health = healthOf(secrets);
    if (!health) return undefined;
    const { environment, services, fetches } = health;
    const count = (calls: typeof fetches): number => calls.reduce((sum, { count }) => sum + count, 0);
    const total = { Fetches: count(fetches), FailedFetches: count(fetches.filter(({ error }) => error !== null)) };
    // Fewer than before: other secrets were initialized meanwhile.
    const since = (name: keyof typeof total): number =>
      total[name] >= before[name] ? total[name] - before[name] : total[name];
    const oldest = (ages: (number | null)[]): number => Math.max(0, ...ages.map((age) => age ?? 0)) / 1000;
    const those = (is: (service: (typeof services)[number]) => boolean): string[] =>
      services.filter(is).map(({ service }) => service);
    const failing = those(({ consecutiveFailures }) => consecutiveFailures > 0);
    const fallback = those((service) => isFallback(service, health));
    const stale = those(isStale);
    const unavailable = those(({ status }) => status === 'unavailable');
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
      OldestAge: oldest(services.map(({ ageMs }) => ageMs)),
      OldestVersion: oldest(services.map(({ versionAgeMs }) => versionAgeMs)),
      StaleServices: stale.length,
      UnavailableServices: unavailable.length,
      // Which ones: no metrics, for those who search the log.
      services: { failing, fallback, stale, unavailable },
    };
    before = total;
    return JSON.stringify(line);
  };
}

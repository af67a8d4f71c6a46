/** Metrics: what health says, as numbers with names. The same table as the engine's; a test compares the two. */

import type { Health, ServiceHealth } from './health.js';
// Not from the modules behind it, and not bundled: there is one copy of the application's secrets.
import { SecretsError, getHealth } from './index.js';

/** Whose metrics: by default those of `initializeSecrets()`. */
export interface Observed {
  health(): Health;
}

/** A number with a value for each of its metric's labels, in their order. */
export type Sample = readonly [labels: readonly string[], value: number];

/** A metric. Its name and unit are those that Prometheus asks for. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  /** A counter only grows, a gauge goes up and down. */
  readonly type: 'counter' | 'gauge';
  readonly labels: readonly string[];
  samples(health: Health): Sample[];
}

/** Every metric, in alphabetical order. */
export const METRICS: readonly Metric[] = [
  ofService('age_seconds', 'Time since the value was fetched or confirmed', ({ ageMs }) => seconds(ageMs)),
  ofService(
    'consecutive_failures',
    'Fetches of the secret that failed in a row',
    ({ consecutiveFailures }) => consecutiveFailures,
  ),
  ofService('fallback_active', '1 while environment variables or a snapshot stand in for Secrets Manager', (service, health) =>
    Number(isFallback(service, health)),
  ),
  ofFetches(
    'fetch_duration_seconds_total',
    'Time that calls to Secrets Manager took together',
    ({ durationMs }) => durationMs / 1000,
  ),
  ofFetches(
    'fetches_total',
    "Calls to Secrets Manager; status is ok or the error's code",
    ({ count }) => count,
  ),
  {
    name: 'permisos_secrets_reads_total',
    help: 'Reads by what answered them: environment, failed, fresh or stale',
    type: 'counter',
    labels: ['environment', 'service', 'outcome'],
    samples: ({ environment, services }) =>
      services.flatMap(({ service, reads }) =>
        Object.entries(reads).map(([outcome, count]): Sample => [[environment, service, outcome], count as number]),
      ),
  },
  ofService('stale', '1 while a value past its lifetime is served since it cannot be fetched again', (service) =>
    Number(isStale(service)),
  ),
  ofService('unavailable', '1 while a required service cannot be read', ({ status }) =>
    Number(status === 'unavailable'),
  ),
  ofService('version_age_seconds', 'Time since the version was made: grows until the next rotation', ({ versionAgeMs }) =>
    seconds(versionAgeMs),
  ),
];

/** Whether the environment or a snapshot stands in. The empty config of an optional service that does not exist replaces nothing. */
export function isFallback({ origin, status }: ServiceHealth, { source }: Health): boolean {
  return (origin === 'environment' || origin === 'snapshot') && source !== 'environment' && status !== 'healthy';
}

/** Not for the moment in which a value is renewed. */
export function isStale({ freshness, status }: ServiceHealth): boolean {
  return freshness === 'stale' && status !== 'healthy';
}

/** The health, or none before `initializeSecrets()` was called: a scrape must not fail for it. */
export function healthOf(secrets?: Observed): Health | undefined {
  try {
    return secrets ? secrets.health() : getHealth();
  } catch (error) {
    if (error instanceof SecretsError && error.code === 'SECRETS_NOT_READY') return undefined;
    throw error;
  }
}

function ofService(
  name: string,
  help: string,
  measure: (service: ServiceHealth, health: Health) => number | undefined,
): Metric {
  const samples = (health: Health): Sample[] =>
    health.services.flatMap((service): Sample[] => {
      const value = measure(service, health);
      return value === undefined ? [] : [[[health.environment, service.service], value]];
    });
  return { name: `permisos_secrets_${name}`, help, type: 'gauge', labels: ['environment', 'service'], samples };
}

function ofFetches(name: string, help: string, measure: (calls: Health['fetches'][number]) => number): Metric {
  const samples = ({ environment, fetches }: Health): Sample[] =>
    fetches.map((calls) => [[environment, calls.operation, calls.error ?? 'ok'], measure(calls)]);
  return { name: `permisos_secrets_${name}`, help, type: 'counter', labels: ['environment', 'operation', 'status'], samples };
}

function seconds(milliseconds: number | null): number | undefined {
  return milliseconds === null ? undefined : milliseconds / 1000;
}

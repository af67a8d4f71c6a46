/** Every metric, in alphabetical order. Written by `cargo xtask generate`. */

import type { MetricName } from './documents.js';

/** A metric. A counter only grows, a gauge goes up and down. */
export interface Metric {
  readonly name: MetricName;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly labels: readonly string[];
}

export const METRICS: readonly Metric[] = [
  {
    name: 'permisos_secrets_age_seconds',
    help: "Time since the value was fetched or confirmed",
    type: 'gauge',
    labels: ['environment', 'service'],
  },
  {
    name: 'permisos_secrets_consecutive_failures',
    help: "Fetches of the secret that failed in a row",
    type: 'gauge',
    labels: ['environment', 'service'],
  },
  {
    name: 'permisos_secrets_fallback_active',
    help: "1 while environment variables or a snapshot stand in for Secrets Manager",
    type: 'gauge',
    labels: ['environment', 'service'],
  },
  {
    name: 'permisos_secrets_fetch_duration_seconds_total',
    help: "Time that calls to Secrets Manager took together",
    type: 'counter',
    labels: ['environment', 'operation', 'status'],
  },
  {
    name: 'permisos_secrets_fetches_total',
    help: "Calls to Secrets Manager; status is ok or the error's code",
    type: 'counter',
    labels: ['environment', 'operation', 'status'],
  },
  {
    name: 'permisos_secrets_reads_total',
    help: "Reads by what answered them: environment, failed, fresh or stale",
    type: 'counter',
    labels: ['environment', 'service', 'outcome'],
  },
  {
    name: 'permisos_secrets_stale',
    help: "1 while a value past its lifetime is served since it cannot be fetched again",
    type: 'gauge',
    labels: ['environment', 'service'],
  },
  {
    name: 'permisos_secrets_unavailable',
    help: "1 while a required service cannot be read",
    type: 'gauge',
    labels: ['environment', 'service'],
  },
  {
    name: 'permisos_secrets_version_age_seconds',
    help: "Time since the version was made: grows until the next rotation",
    type: 'gauge',
    labels: ['environment', 'service'],
  },
];

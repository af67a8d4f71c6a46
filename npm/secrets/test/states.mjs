// Secrets in every state that the status page knows, with events of each type: a stand-in, since hours lie between them.

import { EventEmitter } from 'node:events';

/** What would be markup if it were not escaped, and what turns text around. */
export const HOSTILE = `</title><img src=x onerror="alert(1)"><script>alert(1)</script>'\u202e\u0007`;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DENIED =
  'stripe cannot be read: AccessDeniedException in us-east-1; allow secretsmanager:GetSecretValue on ' +
  'arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/stripe/api-keys-??????';
const DOWN = 'email cannot be read: secretsmanager.us-east-1.amazonaws.com:443 refused the connection; is there a route to it?';

function service(name, more) {
  return {
    service: name,
    secretId: `permisos/production/${name}`,
    required: true,
    status: 'healthy',
    origin: 'secrets-manager',
    freshness: 'fresh',
    ageMs: 12 * MINUTE,
    expiresInMs: 24 * HOUR + 45 * MINUTE,
    versionId: '3f2a9c1e-5b7d-4e8f-9a01-6c5d4e3f2a1b',
    versionAgeMs: 12 * 24 * HOUR,
    region: 'us-east-1',
    nextRefreshMs: 45 * MINUTE,
    consecutiveFailures: 0,
    lastError: null,
    lastErrorMessage: null,
    warnings: [],
    reads: { environment: 0, failed: 0, fresh: 12_345, stale: 0 },
    ...more,
  };
}

const nothing = { ageMs: null, expiresInMs: null, versionId: null, versionAgeMs: null, region: null };

const HEALTH = {
  status: 'unavailable',
  environment: 'production',
  source: 'aws',
  services: [
    service('database', { warnings: [{ path: '/ssl/ca', rule: 'certificate-expired', message: 'a certificate of the bundle expired on 2026-10-01' }] }),
    service('redis', { region: 'us-west-2' }),
    service('security', { nextRefreshMs: null, versionId: '9a8b7c6d-0000-4000-8000-0123456789ab', versionAgeMs: 20 * MINUTE }),
    service('stripe', {
      ...nothing, status: 'degraded', origin: 'environment', nextRefreshMs: 4 * MINUTE, consecutiveFailures: 7,
      lastError: 'SECRETS_ACCESS_DENIED', lastErrorMessage: DENIED, reads: { environment: 210, failed: 0, fresh: 0, stale: 0 },
    }),
    service('email', {
      status: 'degraded', freshness: 'stale', ageMs: 5 * HOUR, expiresInMs: 20 * HOUR, nextRefreshMs: 2 * MINUTE,
      consecutiveFailures: 51, lastError: 'SECRETS_UNAVAILABLE', lastErrorMessage: DOWN,
      reads: { environment: 0, failed: 0, fresh: 980, stale: 77 },
    }),
    service('government-portal', {
      ...nothing, status: 'unavailable', origin: null, freshness: null, nextRefreshMs: 30_000, consecutiveFailures: 3,
      lastError: 'SECRETS_NOT_FOUND', lastErrorMessage: 'permisos/production/government-portal does not exist in us-east-1: create it',
      reads: { environment: 0, failed: 31, fresh: 2, stale: 0 },
    }),
    service('monitoring', {
      ...nothing, required: false, origin: 'environment', lastError: 'SECRETS_NOT_FOUND', lastErrorMessage: 'it does not exist',
      reads: { environment: 0, failed: 0, fresh: 0, stale: 0 },
    }),
  ],
  fetches: [],
};

const EVENTS = [
  { type: 'loaded', service: 'redis', origin: 'secrets-manager', versionId: '3f2a9c1e-5b7d-4e8f-9a01-6c5d4e3f2a1b', warnings: [] },
  { type: 'failed', service: 'stripe', error: 'SECRETS_ACCESS_DENIED', message: DENIED, consecutiveFailures: 1, retryInMs: 1500 },
  { type: 'fallback', service: 'stripe', error: 'SECRETS_ACCESS_DENIED', origin: 'environment', warnings: [] },
  { type: 'refreshed', service: 'database', versionId: '3f2a9c1e-5b7d-4e8f-9a01-6c5d4e3f2a1b', warnings: [] },
  { type: 'failed', service: 'email', error: 'SECRETS_UNAVAILABLE', message: DOWN, consecutiveFailures: 1, retryInMs: 900 },
  { type: 'stale', service: 'email', ageMs: HOUR, expiresInMs: 24 * HOUR },
  { type: 'invalid', service: 'security', versionId: '11111111-0000-4000-8000-0123456789ab', violations: [{ path: '/jwtSecret', rule: 'required', message: 'is required' }] },
  { type: 'rotated', service: 'security', from: '3f2a9c1e-5b7d-4e8f-9a01-6c5d4e3f2a1b', to: '9a8b7c6d-0000-4000-8000-0123456789ab', warnings: [] },
  { type: 'recovered', service: 'redis', failures: 2, fromFallback: false },
  { type: 'refreshed', service: 'redis', versionId: '3f2a9c1e-5b7d-4e8f-9a01-6c5d4e3f2a1b', warnings: [] },
];

const sample = (metric, value, ...labels) => ({ metric: `permisos_secrets_${metric}`, labels: ['production', ...labels], value });

const SAMPLES = [
  sample('unavailable', 1, 'government-portal'),
  sample('fallback_active', 1, 'stripe'),
  sample('stale', 1, 'email'),
  sample('stale', 0, 'redis'),
  sample('fetches_total', 1, 'BatchGetSecretValue', 'ok'),
  sample('fetches_total', 42, 'GetSecretValue', 'ok'),
  sample('fetches_total', 61, 'GetSecretValue', 'SECRETS_UNAVAILABLE'),
  sample('fetch_duration_seconds_total', 0.11, 'BatchGetSecretValue', 'ok'),
  sample('fetch_duration_seconds_total', 1.3, 'GetSecretValue', 'ok'),
  sample('fetch_duration_seconds_total', 183, 'GetSecretValue', 'SECRETS_UNAVAILABLE'),
  ...HEALTH.services.flatMap(({ service, reads }) => Object.entries(reads).map(([outcome, value]) => sample('reads_total', value, service, outcome))),
];

/** The stand-in. `emit` makes its next event. */
export class States extends EventEmitter {
  #next = 0;
  status = HEALTH.status;

  health() {
    return { ...HEALTH, status: this.status };
  }

  metrics() {
    return SAMPLES;
  }

  /** The next of the events. */
  happen() {
    this.emit('event', { at: 0, ...EVENTS[this.#next++ % EVENTS.length] });
  }
}

/** The same with `HOSTILE` for every text. */
export function hostile(value, name) {
  if (typeof value === 'string') return ['status', 'origin', 'freshness', 'type', 'source', 'metric'].includes(name) ? value : HOSTILE;
  if (Array.isArray(value)) return value.map((it) => hostile(it, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, hostile(it, key)]));
}
export { EVENTS };

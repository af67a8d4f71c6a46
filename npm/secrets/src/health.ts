/** Health and events, as the engine reports them. Neither holds a value. */

import type { ErrorCode, Violation } from './errors.js';

/** Where a config came from. */
export type Origin = 'environment' | 'secrets-manager' | 'snapshot';
/** Whether a config is within its lifetime. */
export type Freshness = 'fresh' | 'stale';
/** `degraded`: a fetch failed and something is stale, or from the sealed snapshot or the environment; `unavailable`: a required service cannot be read. */
export type Status = 'degraded' | 'healthy' | 'unavailable';

/** The state of everything. */
export interface Health {
  status: Status;
  environment: string;
  source: 'agent' | 'aws' | 'environment';
  services: ServiceHealth[];
  /** The calls to Secrets Manager so far, by operation and outcome. */
  fetches: {
    operation: 'BatchGetSecretValue' | 'GetSecretValue';
    error: ErrorCode | null;
    count: number;
    durationMs: number;
  }[];
}

/** The state of one service. */
export interface ServiceHealth {
  service: string;
  secretId: string;
  required: boolean;
  status: Status;
  origin: Origin | null;
  freshness: Freshness | null;
  /** Since it was fetched or confirmed. */
  ageMs: number | null;
  versionId: string | null;
  /** Since the version was made, by the wall clock. */
  versionAgeMs: number | null;
  region: string | null;
  /** Until the next fetch. */
  nextRefreshMs: number | null;
  consecutiveFailures: number;
  lastError: ErrorCode | null;
  /** The same in words: what was tried, where, and what to do. */
  lastErrorMessage: string | null;
  warnings: Violation[];
  /** How reads were answered so far. */
  reads: Reads;
}

/** Reads by what answered them. */
export interface Reads {
  environment: number;
  failed: number;
  fresh: number;
  stale: number;
}

/** Something that happened to one service's secret. `at` is in milliseconds since the secrets were opened. */
export type SecretsEvent = { at: number; service: string } & (
  | { type: 'failed'; error: ErrorCode; message: string; consecutiveFailures: number; retryInMs: number }
  | { type: 'fallback'; error: ErrorCode; origin: Origin; warnings: Violation[] }
  | { type: 'invalid'; versionId: string | null; violations: Violation[] }
  | { type: 'loaded'; origin: Origin; versionId: string | null; warnings: Violation[] }
  | { type: 'recovered'; failures: number; fromFallback: boolean }
  | { type: 'refreshed'; versionId: string; warnings: Violation[] }
  | { type: 'rotated'; from: string; to: string; warnings: Violation[] }
  | { type: 'stale'; ageMs: number; expiresInMs: number }
);

/** The events of `Secrets`, an EventEmitter: each by its type, and all as `event`. */
export type SecretsEvents = { event: [SecretsEvent] } & {
  [Type in SecretsEvent['type']]: [Extract<SecretsEvent, { type: Type }>];
};

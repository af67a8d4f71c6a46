/** Whose health and metrics. */

import type { Health, Sample } from './generated/documents.js';
// Not from the modules behind it, and not bundled: there is one copy of the application's secrets.
import { SecretsError, getHealth, getMetrics } from './index.js';

/** By default the secrets of `initializeSecrets()`. */
export interface Observed {
  health(): Health;
  metrics(): readonly Sample[];
}

const INITIALIZED: Observed = { health: getHealth, metrics: getMetrics };

/** What is asked of the secrets, or nothing before `initializeSecrets()` was called: a scrape must not fail for it. */
export function observe<T>(secrets: Observed | undefined, ask: (secrets: Observed) => T): T | undefined {
  try {
    return ask(secrets ?? INITIALIZED);
  } catch (error) {
    if (error instanceof SecretsError && error.code === 'SECRETS_NOT_READY') return undefined;
    throw error;
  }
}

/** The values of a sample's labels by name. */
export function labelled(names: readonly string[], { labels }: Sample): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, labels[index] ?? '']));
}

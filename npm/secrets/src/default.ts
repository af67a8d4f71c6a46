/** The application's one set of secrets, behind functions. */

import { writeSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

// generated: types
import type { DatabaseConfig, EmailConfig, GovernmentPortalConfig, MonitoringConfig, RedisConfig, SecurityConfig, StripeConfig } from './generated/configs.js';
// end of generated
import type { FieldDefinition, SecretDefinition, SecretOf } from './define.js';
import { failure, SecretsError } from './errors.js';
import type { Health, Sample, SecretsEvent } from './generated/documents.js';
import { native } from './native.js';
import { documentOf, type SecretsOptions } from './options.js';
import { attempt, Secrets, type ServiceLike } from './secrets.js';

let current: Secrets | undefined;
let opening: { options: string; secrets: Secrets; loaded: Promise<Secrets> } | undefined;
/** What the last load reported, if it failed. */
let failed: { health: Health; metrics: Sample[] } | undefined;
const listeners = new Set<(event: SecretsEvent) => void>();
/** What `register` loaded, as far as it is used here. */
let shared: Secrets | undefined;
/** Whether it may be used: not once it was closed here. */
let isSharing = true;

/**
 * Loads the application's secrets, once: concurrent and later calls with the same options share the first, whatever their
 * `env`. After a failure, or once the secrets are closed, it may be called again.
 * @throws {SecretsError} that lists everything wrong with the options, or every required service that cannot be read.
 */
export async function initializeSecrets(options?: SecretsOptions): Promise<Secrets> {
  const document = documentOf(options ?? {});
  // The application may have closed the instance itself.
  if (opening?.secrets.isClosed) opening = current = undefined;
  isSharing = true;
  share();
  if (opening && options !== undefined && !isSame(document, opening.options)) {
    const message =
      'the secrets were loaded before with other options, by initializeSecrets() or register: put the options into ' +
      'permisos.json, await closeSecrets() first, or open a second set of secrets by Secrets.open()';
    throw failure('SECRETS_CONFIG_INVALID', message);
  }
  opening ??= open(document, options ?? {});
  return opening.loaded;
}

function open(document: string, options: SecretsOptions): NonNullable<typeof opening> {
  const secrets = Secrets.create(options, publish);
  // They may be closed meanwhile, and others opened.
  const isCurrent = (): boolean => opening?.secrets === secrets;
  const load = async (): Promise<Secrets> => {
    try {
      await secrets.load();
    } catch (error) {
      if (isCurrent()) {
        failed = { health: secrets.health(), metrics: secrets.metrics() };
        opening = undefined;
      }
      secrets.close();
      throw error;
    }
    if (isCurrent()) {
      current = secrets;
      failed = undefined;
    }
    return secrets;
  };
  return { options: document, secrets, loaded: load() };
}

function publish(event: SecretsEvent): void {
  for (const listener of listeners) attempt(() => listener(event));
}

/**
 * Loads the secrets of the process before this returns, or ends the process with the error's exit code.
 * @internal
 */
export function registerSecrets(): void {
  if (opening && opening.secrets === shared) return;
  try {
    if (opening) throw failure('SECRETS_CONFIG_INVALID', 'load register before initializeSecrets() is called: by node --import');
    use(Secrets.share(publish));
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    // At once, also from a worker thread.
    writeSync(2, `permisos-secrets: ${error.message}\n`);
    process.exit(native.exitCode(error.code));
  }
}

function use(secrets: Secrets): void {
  current = shared = secrets;
  // It takes its options from permisos.json alone.
  opening = { options: '{}', secrets, loaded: Promise.resolve(secrets) };
  let written: Record<string, string | null> = {};
  const write = (): void => {
    const variables = secrets.processVariables();
    for (const [name, value] of Object.entries(variables)) {
      // What the application has set itself stays until the secret changes.
      if (value === written[name]) continue;
      if (value !== null) process.env[name] = value;
      else if (process.env[name]) delete process.env[name];
    }
    written = variables;
  };
  write();
  secrets.onChange = write;
}

/** Uses what `register` loaded in another thread, or through another copy of this module. */
function share(): void {
  const secrets = opening || !isSharing ? undefined : Secrets.shared(publish);
  if (secrets) use(secrets);
}

/** Whether the options are the same, in whatever order. */
function isSame(document: string, other: string): boolean {
  return document === other || isDeepStrictEqual(JSON.parse(document), JSON.parse(other));
}

function ready(): Secrets {
  share();
  if (current) return current;
  throw failure('SECRETS_NOT_READY', 'the secrets are not loaded: call and await initializeSecrets() first');
}

/**
 * The application's secrets, once they are loaded.
 * @internal
 */
export function currentSecrets(): Secrets {
  return current ?? ready();
}

// Each costs nanoseconds: call it at each use, and a rotation is seen at once.
// generated: getters
/** PostgreSQL. */
export function getDatabaseConfig(): DatabaseConfig {
  return (current ?? ready()).getDatabaseConfig();
}

/** Redis. */
export function getRedisConfig(): RedisConfig {
  return (current ?? ready()).getRedisConfig();
}

/** Keys that sign sessions and tokens. */
export function getSecurityConfig(): SecurityConfig {
  return (current ?? ready()).getSecurityConfig();
}

/** Stripe's API keys. */
export function getStripeConfig(): StripeConfig {
  return (current ?? ready()).getStripeConfig();
}

/** SMTP credentials, by default of SES. */
export function getEmailConfig(): EmailConfig {
  return (current ?? ready()).getEmailConfig();
}

/** The government portal's login. */
export function getGovernmentPortalConfig(): GovernmentPortalConfig {
  return (current ?? ready()).getGovernmentPortalConfig();
}

/** Keys of monitoring providers. Optional: its absence is normal. */
export function getMonitoringConfig(): MonitoringConfig {
  return (current ?? ready()).getMonitoringConfig();
}
// end of generated

/** A secret that the application defined; `undefined` where it is optional and not there. */
export function getSecret<const Fields extends Record<string, FieldDefinition>, Optional extends boolean>(
  definition: SecretDefinition<Fields, Optional>,
): SecretOf<Fields, Optional> {
  return ready().getSecret(definition);
}

/** Fetches a secret now; see `Secrets.refresh`. */
export async function refreshSecret(service: ServiceLike): Promise<void> {
  await ready().refresh(service);
}

/** The state of everything, without values: while it is loaded, too, and after a load that failed. */
export function getHealth(): Health {
  return opening?.secrets.health() ?? failed?.health ?? ready().health();
}

/** The number of every metric now, as `getHealth()` in time; see `Secrets.metrics`. */
export function getMetrics(): Sample[] {
  return opening?.secrets.metrics() ?? failed?.metrics ?? ready().metrics();
}

/** Calls the listener with each event, also of secrets initialized later. Returns a function that ends this. */
export function onSecretsEvent(listener: (event: SecretsEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Runs work that logs in to the database, again after a rotation; see `Secrets.withDatabaseRetry`. */
export async function withDatabaseRetry<T>(
  work: (config: DatabaseConfig) => Promise<T>,
  options?: { budgetMs?: number },
): Promise<T> {
  return ready().withDatabaseRetry(work, options);
}

/** Forgets every value, and ends a load under way. `initializeSecrets()` may be called again. */
export async function closeSecrets(): Promise<void> {
  const secrets = opening?.secrets;
  current = opening = failed = undefined;
  isSharing = false;
  secrets?.close();
}

/**
 * The interface of a secrets service that loads asynchronously and hands out copies: for an application that has one, until
 * its callers use the getters. Importing it starts nothing; the first call opens the application's secrets.
 */

import { randomBytes } from 'node:crypto';

import type { Configs } from './generated/configs.js';
import type { Health } from './generated/documents.js';
// Not bundled: there is one copy of the application's secrets.
import { getHealth, initializeSecrets, type Secrets, SecretsError } from './index.js';

/** A copy that its caller may change. `Config` without what only the getters have, and the fields of `extra` beside its own. */
export type Copy<Config> = { -readonly [Name in Exclude<keyof Config, 'extra'>]: Config[Name] } & Record<string, any>;

/** What `loadAllSecrets()` returns. */
export interface AllSecrets {
  database: Copy<Configs['database']> & { sslCa?: string };
  redis: Copy<Configs['redis']>;
  security: Copy<Omit<Configs['security'], 'jwtSecrets' | 'sessionSecrets'>>;
  stripe: Copy<Configs['stripe']>;
  email: Copy<Configs['email']>;
  government: Copy<Configs['government-portal']>;
}

/** What `getHealthStatus()` returns. `healthy` only while every value is what the source says. */
export interface HealthStatus {
  status: Health['status'];
  cacheSize: number;
  metrics: {
    cacheHits: number;
    cacheMisses: number;
    awsErrors: number;
    fallbacksUsed: number;
    lastError: string | null;
    /** In milliseconds since 1970. */
    lastSuccessfulFetch: number | null;
    cacheHitRate: number;
    /** In milliseconds. */
    lastFetchAge: number | null;
  };
}

const SERVICES = {
  database: 'database',
  redis: 'redis',
  security: 'security',
  stripe: 'stripe',
  email: 'email',
  government: 'government-portal',
} as const;
type Type = keyof typeof SERVICES;

/**
 * All secrets, as copies, by one call to AWS at the first time.
 *
 * ```js
 * const secretsService = require('@permisos/secrets/compat');
 *
 * const { database, redis, security } = await secretsService.loadAllSecrets();
 * ```
 * @throws {SecretsError} that lists every secret that cannot be read. To go on without them is to go on with placeholders.
 */
export async function loadAllSecrets(): Promise<AllSecrets> {
  const secrets = await initializeSecrets();
  return Object.fromEntries((Object.keys(SERVICES) as Type[]).map((type) => [type, copy(secrets, type)])) as unknown as AllSecrets;
}

/** How to connect to PostgreSQL, with `url`, and `sslCa` where TLS has a certificate authority of its own. */
export const getDatabaseCredentials = (): Promise<AllSecrets['database']> => get('database');
/** How to connect to Redis. */
export const getRedisCredentials = (): Promise<AllSecrets['redis']> => get('redis');
/** The keys that sign sessions and tokens. */
export const getSecuritySecrets = (): Promise<AllSecrets['security']> => get('security');
/** Stripe's keys. */
export const getStripeKeys = (): Promise<AllSecrets['stripe']> => get('stripe');
/** How to send mail. */
export const getEmailCredentials = (): Promise<AllSecrets['email']> => get('email');
/** The government portal's login. */
export const getGovernmentPortalCredentials = (): Promise<AllSecrets['government']> => get('government');

/** A secret by its whole name, or as `{service}/{secret-type}`: one of the seven, or one that `permisos.json` defines. */
export async function getSecret(name: string): Promise<Record<string, any>> {
  const secrets = await initializeSecrets();
  const services = secrets.health().services;
  const found = services.find(({ service, secretId }) => [secretId, service].includes(name));
  const type = (Object.keys(SERVICES) as Type[]).find((it) => SERVICES[it] === found?.service);
  // Another name is the engine's to refuse.
  return type ? copy(secrets, type) : plain(secrets.read((found?.service ?? name) as `${string}/${string}`).config as object);
}

/** Fetches a secret now. If that fails, what was held is still there. */
export async function refreshSecret(type: string): Promise<void> {
  if (!Object.hasOwn(SERVICES, type)) throw new Error(`Unknown secret type: ${type}`);
  await (await initializeSecrets()).refresh(SERVICES[type as Type]);
}

/** Fetches every secret again, in the background. Nothing that is held is lost meanwhile. */
export function clearCache(): void {
  for (const type of Object.keys(SERVICES)) refreshSecret(type).catch(() => {});
}

/** The state of everything, without a value. Before the first call everything is `unavailable`. */
export function getHealthStatus(): HealthStatus {
  const { status, source, services, fetches } = health();
  const sum = (numbers: number[]): number => numbers.reduce((sum, one) => sum + one, 0);
  const cacheHits = sum(services.map(({ reads }) => reads.environment + reads.fresh + reads.stale));
  const cacheMisses = sum(fetches.map(({ count }) => count));
  const held = services.filter(({ origin }) => origin !== null);
  const ages = held.map(({ ageMs }) => ageMs).filter((age): age is number => age !== null);
  const lastFetchAge = ages.length > 0 ? Math.min(...ages) : null;
  return {
    status,
    cacheSize: held.length,
    metrics: {
      cacheHits,
      cacheMisses,
      awsErrors: sum(fetches.map(({ count, error }) => (error === null ? 0 : count))),
      fallbacksUsed: source === 'environment' ? 0 : held.filter(({ origin }) => origin !== 'secrets-manager').length,
      lastError: services.find(({ lastError }) => lastError !== null)?.lastError ?? null,
      lastSuccessfulFetch: lastFetchAge === null ? null : Date.now() - lastFetchAge,
      cacheHitRate: cacheHits + cacheMisses > 0 ? cacheHits / (cacheHits + cacheMisses) : 0,
      lastFetchAge,
    },
  };
}

/** A random secret of `length` bytes, as twice as many hexadecimal digits. */
export function generateSecret(length = 32): string {
  return randomBytes(length).toString('hex');
}

function health(): Pick<Health, 'fetches' | 'services' | 'source' | 'status'> {
  try {
    return getHealth();
  } catch (error) {
    if (error instanceof SecretsError && error.code === 'SECRETS_NOT_READY') {
      return { status: 'unavailable', source: 'aws', services: [], fetches: [] };
    }
    throw error;
  }
}

async function get<T extends Type>(type: T): Promise<AllSecrets[T]> {
  return copy(await initializeSecrets(), type);
}

function copy<T extends Type>(secrets: Secrets, type: T): AllSecrets[T] {
  // The two lists are what only the getters have.
  const { sessionSecrets, jwtSecrets, ...config } = plain(secrets.read(SERVICES[type]).config);
  if (type === 'database' && config['ssl']?.ca) config['sslCa'] = config['ssl'].ca;
  return config as AllSecrets[T];
}

/** A copy to change, with `extra` beside the fields: what the schema names wins. */
function plain(config: object): Record<string, any> {
  const { extra, ...named } = structuredClone(config) as Record<string, any>;
  return { ...extra, ...named };
}

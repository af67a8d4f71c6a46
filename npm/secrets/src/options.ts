/** Options. The engine checks them: every mistake at once, with the near name for an unknown one. */

import { failure } from './errors.js';
import type { Service } from './configs.js';
import type { SecretDefinition } from './define.js';

/**
 * The options as the engine takes them, in which nothing wrong turns into nothing: JSON knows neither NaN nor functions.
 * Without the variables: they hold secrets.
 */
export function documentOf(options: unknown): string {
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options);
  try {
    return JSON.stringify(isObject ? { ...options, env: undefined } : options, (_name, value: unknown) => {
      if (typeof value === 'bigint') return Number(value);
      const isJson = typeof value === 'number' ? Number.isFinite(value) : !['function', 'symbol'].includes(typeof value);
      // Of the wrong type wherever it stands.
      return isJson ? value : [null];
    });
  } catch {
    throw failure('SECRETS_CONFIG_INVALID', 'the options cannot be written as JSON: they hold themselves, or throw');
  }
}

/** All optional. Durations are in seconds. */
export interface SecretsOptions {
  /** The names' second segment. Default: `PERMISOS_ENVIRONMENT`, else `NODE_ENV`, else `development`. */
  environment?: string;
  /**
   * Where values come from. Default: `USE_SECRETS_MANAGER` (`true`: aws, `false`: environment), else `aws` in production
   * and staging, `environment` everywhere else.
   */
  source?: 'agent' | 'aws' | 'environment';
  /** Only these services are fetched and required. Default: all seven. */
  services?: readonly Service[];
  /** The application's own secrets, by `defineSecret`. */
  secrets?: readonly SecretDefinition[];
  /** The names' first segment. Default: `permisos`. */
  prefix?: string;
  /** Another name or a full ARN for a service's secret, by service. */
  secretIds?: Readonly<Record<string, string>>;
  /** How long a value is fresh. Default: 3600. */
  ttl?: number;
  /** How long past `ttl` a value is still served while AWS cannot be reached. Default: 86400. */
  staleIfError?: number;
  /** How long the previous keys are honoured after a rotation. Default: 86400. */
  previousFor?: number;
  /** Whether environment variables stand in when retrieval fails. Default: true. */
  environmentFallback?: boolean;
  /**
   * Seals the last good values in the file `path`, encrypted to the age identity in `identityFile`, so that a process
   * can start while AWS cannot be reached. Default: none.
   */
  snapshot?: { path: string; identityFile: string };
  /** Where the database is, for a secret that RDS manages, which holds only user name and password. */
  database?: { host?: string; port?: number; database?: string };
  /** The region. Default: the AWS configuration's. */
  region?: string;
  /** The regions in order: the primary, then replicas. */
  regions?: readonly string[];
  /** An endpoint other than AWS's, e.g. of a VPC or an emulator; may hold `{region}`. */
  endpointUrl?: string;
  /** A profile of the AWS configuration files. */
  profile?: string;
  /** A role to assume. */
  roleArn?: string;
  /** The longest time for one call in one region. Default: 5. */
  timeout?: number;
  /** The variables to read instead of `process.env`, as strings. Only those of the catalogue and of `secrets` are looked at. */
  env?: Readonly<Record<string, string | undefined>>;
}

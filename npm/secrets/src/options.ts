/** Options. The engine checks them: every mistake at once, with the near name for an unknown one. */

import { failure } from './errors.js';
import type { Service } from './generated/configs.js';
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
  // generated: options
  /** The names' second segment. Default: `PERMISOS_ENVIRONMENT`, `NODE_ENV`, `development`. */
  environment?: string;
  /** `aws`, `agent` (AWS's Workload Credentials Provider, once Secrets Manager Agent, or the Lambda extension), `environment`. Default: by `USE_SECRETS_MANAGER`, else `aws` in production and staging, `environment` elsewhere. */
  source?: 'agent' | 'aws' | 'environment';
  /** Only these are fetched and required. Default: all seven. */
  services?: readonly Service[];
  /** The application's own secrets. Default: none. */
  secrets?: readonly SecretDefinition[];
  /** The names' first segment. Default: `permisos`. */
  prefix?: string;
  /** Another name or ARN by service. Default: by convention. */
  secretIds?: Readonly<Record<string, string>>;
  /** How long a value is fresh. Default: 3600 s. */
  ttl?: number;
  /** How much longer it is served while AWS cannot be reached. Default: 86400 s. */
  staleIfError?: number;
  /** How long the previous keys are honoured after a rotation. Default: 86400 s. */
  previousFor?: number;
  /** Whether variables stand in when retrieval fails. Default: `true`. */
  environmentFallback?: boolean;
  /** Whether `@permisos/secrets/register` writes the variables of the secrets to `process.env`. Default: `true`. */
  processEnv?: boolean;
  /** `{ path, identityFile }`: the last good values, encrypted, for a start while AWS is down. Default: none. */
  snapshot?: { path: string; identityFile: string };
  /** `{ host, port, database, caFile }` for a secret that does not say it, as one that RDS manages; `caFile` is a file with the certificate authorities to trust. Default: none. */
  database?: { host?: string; port?: number; database?: string; caFile?: string };
  /** `{ host, port, caFile }` for a secret that does not say it, as one that ElastiCache rotates. Default: none. */
  redis?: { host?: string; port?: number; caFile?: string };
  /** The region. Default: the AWS configuration's. */
  region?: string;
  /** The regions, the primary first, then replicas. Default: the AWS configuration's. */
  regions?: readonly string[];
  /** Another endpoint, e.g. of a VPC, an emulator, or the agent on this machine; may hold `{region}`. Default: AWS's own. */
  endpointUrl?: string;
  /** A profile of the AWS configuration files. Default: the AWS configuration's. */
  profile?: string;
  /** A role to assume, also behind the agent. Default: none. */
  roleArn?: string;
  /** The longest time for one call in one region. Default: 5 s. */
  timeout?: number;
  // end of generated
  /** The file with the options that are not given here, or `false` for none. Default: the nearest `permisos.json`, from the working directory upwards. */
  configFile?: string | false;
  /** The variables to read instead of `process.env`, as strings. Only those of the catalogue and of `secrets` are looked at. */
  env?: Readonly<Record<string, string | undefined>>;
}

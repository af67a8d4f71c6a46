/** What the engine reports. None of it holds a value. Written by `cargo xtask generate`. */

/** Where a config came from. */
export type Origin =
  /** Environment variables. */
  | 'environment'
  /** AWS Secrets Manager, directly or through the agent. */
  | 'secrets-manager'
  /** The sealed snapshot: what Secrets Manager answered before a restart in an outage. */
  | 'snapshot';

/** How reads of one service were answered. */
export interface Reads {
  /** From the environment. */
  readonly environment: number;
  /** With an error. */
  readonly failed: number;
  /** From Secrets Manager, within its lifetime. */
  readonly fresh: number;
  /** From Secrets Manager, past its lifetime, or from the sealed snapshot. */
  readonly stale: number;
}

/** Whether a value is within its lifetime. */
export type Freshness =
  /** Within its lifetime. */
  | 'fresh'
  /** Past its lifetime, within stale-if-error; revalidation is under way. */
  | 'stale';

/** Where values come from. */
export type SourceKind =
  /** The AWS Workload Credentials Provider (once AWS Secrets Manager Agent), or the Lambda extension, on localhost. */
  | 'agent'
  /** AWS Secrets Manager. */
  | 'aws'
  /** Environment variables. */
  | 'environment';

/** How well the whole is. The worst comes last. */
export type Status =
  /** Everything is fresh. */
  | 'healthy'
  /** A fetch failed and something is stale, or it is from the sealed snapshot, or from the environment though another source is meant. */
  | 'degraded'
  /** A required service cannot be read. */
  | 'unavailable';

/** The state of everything, without values. */
export interface Health {
  /** The worst of all services. */
  readonly status: Status;
  /** The deployment environment. */
  readonly environment: string;
  /** Where values come from. */
  readonly source: SourceKind;
  /** Each service asked for, in the order of the catalogue, then the custom secrets. */
  readonly services: readonly ServiceHealth[];
  /** The calls made so far, by operation and outcome. */
  readonly fetches: readonly FetchCount[];
}

/** The state of one service. */
export interface ServiceHealth {
  /** Which service. */
  readonly service: string;
  /** The secret's name or ARN. */
  readonly secretId: string;
  /** Whether the application cannot do without it. */
  readonly required: boolean;
  /** How well this service is. */
  readonly status: Status;
  /** Where reads are answered from; none if they are not. */
  readonly origin: Origin | null;
  /** Whether the value is within its lifetime. */
  readonly freshness: Freshness | null;
  /** How long ago the value was fetched or confirmed. */
  readonly ageMs: number | null;
  /** When the value is no longer served, from now, if no fetch confirms or replaces it until then. */
  readonly expiresInMs: number | null;
  /** The version held. */
  readonly versionId: string | null;
  /** How long ago the version was made, by the wall clock. */
  readonly versionAgeMs: number | null;
  /** The region that answered. */
  readonly region: string | null;
  /** When the next fetch comes, from now; none while one is under way or if none will come. */
  readonly nextRefreshMs: number | null;
  /** How many fetches failed in a row. */
  readonly consecutiveFailures: number;
  /** Why the last one failed, if it did. */
  readonly lastError: ErrorCode | null;
  /** The same in words: what was tried, where, and what to do. */
  readonly lastErrorMessage: string | null;
  /** What is worth a warning in the value, such as an expired certificate. */
  readonly warnings: readonly Violation[];
  /** How reads were answered so far. */
  readonly reads: Reads;
}

/** Calls of one operation with one outcome. */
export interface FetchCount {
  /** Which operation. */
  readonly operation: Operation;
  /** How the calls failed; none for those that succeeded. */
  readonly error: ErrorCode | null;
  /** How many. */
  readonly count: number;
  /** The time they took together. */
  readonly durationMs: number;
}

/** An operation of the Secrets Manager API. */
export type Operation =
  /** Up to 20 secrets in one call. */
  | 'BatchGetSecretValue'
  /** One secret. */
  | 'GetSecretValue';

/** The rule that a value broke. */
export type Rule =
  /** A certificate that has expired (a warning). */
  | 'certificate-expired'
  /** An address such as `name@example.com`, or `Name <name@example.com>`. */
  | 'email-address'
  /** A secret of the database that the service is for. */
  | 'engine'
  /** The file that a variable names could be read by the host. */
  | 'file-readable'
  /** A host name or IP address. */
  | 'host'
  /** An absolute `https` URL. */
  | 'https-url'
  /** Well-formed JSON. */
  | 'json'
  /** At most this many characters. */
  | 'max-length'
  /** At most the size that Secrets Manager stores. */
  | 'max-size'
  /** At least this many characters. */
  | 'min-length'
  /** A Stripe key of the mode that the environment calls for (a warning). */
  | 'mode'
  /** A secret name or ARN by AWS's rules. */
  | 'name'
  /** A name that ends like the suffix of an ARN (a warning). */
  | 'name-suffix'
  /** One of the texts that are listed. */
  | 'one-of'
  /** Matches the pattern. */
  | 'pattern'
  /** PEM, or base64 of PEM: certificates, one at least, each of them readable. */
  | 'pem-certificate'
  /** Not a known placeholder. */
  | 'placeholder'
  /** Starts with a known prefix. */
  | 'prefix'
  /** A number inside its range. */
  | 'range'
  /** Present and not empty. */
  | 'required'
  /** Public and private key are of the same mode, test or live. */
  | 'same-mode'
  /** A sealed snapshot that can be opened, used and written. */
  | 'snapshot'
  /** TLS towards a server that has it (a warning). */
  | 'tls'
  /** Text: a binary secret has no fields. */
  | 'text'
  /** A value of the expected type. */
  | 'type'
  /** A unique name. */
  | 'unique'
  /** An option that exists. */
  | 'unknown-option'
  /** An absolute URL. */
  | 'url';

/** One broken rule. Holds no value and no part of one. */
export interface Violation {
  /** Where: a JSON pointer (RFC 6901) into the payload or the options, e.g. `/ssl/ca`. */
  readonly path: string;
  /** Which rule. */
  readonly rule: Rule;
  /** What is wrong and what to do. */
  readonly message: string;
}

/** The stable code of an error. */
export type ErrorCode =
  /** The role may not read the secret or use its KMS key. Grant the action named in the message. */
  | 'SECRETS_ACCESS_DENIED'
  /** An option or a name is wrong. Fix the option named. */
  | 'SECRETS_CONFIG_INVALID'
  /** KMS could not decrypt the secret. Check the key, its state and its policy. */
  | 'SECRETS_DECRYPTION_FAILED'
  /** The stored payload or the environment is malformed or violates the schema. Fix every violation listed. */
  | 'SECRETS_INVALID'
  /** The secret does not exist in the region, or is scheduled for deletion. Create or restore it. */
  | 'SECRETS_NOT_FOUND'
  /** A read before the first load, or after the end. Load, and wait for it, first. */
  | 'SECRETS_NOT_READY'
  /** Secrets Manager limits the rate. Retried by itself. */
  | 'SECRETS_THROTTLED'
  /** The deadline passed. Retried by itself. */
  | 'SECRETS_TIMEOUT'
  /** No credentials, or expired ones. Check what the credential chain tried. */
  | 'SECRETS_UNAUTHENTICATED'
  /** Connection failed, or the server answered 5xx. Retried by itself. */
  | 'SECRETS_UNAVAILABLE';

/** A metric. Names and units are those that Prometheus asks for. */
export type MetricName =
  /** Time since the value was fetched or confirmed */
  | 'permisos_secrets_age_seconds'
  /** Fetches of the secret that failed in a row */
  | 'permisos_secrets_consecutive_failures'
  /** 1 while environment variables or a snapshot stand in for Secrets Manager */
  | 'permisos_secrets_fallback_active'
  /** Time that calls to Secrets Manager took together */
  | 'permisos_secrets_fetch_duration_seconds_total'
  /** Calls to Secrets Manager; status is ok or the error's code */
  | 'permisos_secrets_fetches_total'
  /** Reads by what answered them: environment, failed, fresh or stale */
  | 'permisos_secrets_reads_total'
  /** 1 while a value past its lifetime is served since it cannot be fetched again */
  | 'permisos_secrets_stale'
  /** 1 while a required service cannot be read */
  | 'permisos_secrets_unavailable'
  /** Time since the version was made: grows until the next rotation */
  | 'permisos_secrets_version_age_seconds';

/** One number. */
export interface Sample {
  /** Of which metric; in JSON its name. */
  readonly metric: MetricName;
  /** A value for each of [`Metric::labels`], in their order. */
  readonly labels: readonly string[];
  /** The number. */
  readonly value: number;
}

/** Something that happened to one service's secret. */
export type SecretsEvent = {
  /** When, in milliseconds since the driver was made. */
  readonly at: number;
  /** Whose secret it is. */
  readonly service: string;
} & (
  | {
      /** A fetch failed. */
      readonly type: 'failed';
      /** Why. */
      readonly error: ErrorCode;
      /** What was tried and what to do. */
      readonly message: string;
      /** How many fetches of this secret failed in a row. */
      readonly consecutiveFailures: number;
      /** When the next try comes, from now. */
      readonly retryInMs: number;
    }
  | {
      /** Reads are answered from elsewhere because of this error. */
      readonly type: 'fallback';
      /** Why the secret could not be fetched. */
      readonly error: ErrorCode;
      /** What stands in: the sealed snapshot, else the environment. */
      readonly origin: Origin;
      /** What is worth a warning in it. */
      readonly warnings: readonly Violation[];
    }
  | {
      /** A version is malformed or violates the schema, and replaces nothing; or the sealed snapshot cannot be used. */
      readonly type: 'invalid';
      /** The bad version; none where the environment is the source, or the snapshot as a whole is at fault. */
      readonly versionId: string | null;
      /** Everything that is wrong with it. */
      readonly violations: readonly Violation[];
    }
  | {
      /** The first value. */
      readonly type: 'loaded';
      /** Where it came from. */
      readonly origin: Origin;
      /** Its version; none from the environment. */
      readonly versionId: string | null;
      /** What is worth a warning. */
      readonly warnings: readonly Violation[];
    }
  | {
      /** A fetch succeeded again after failures. */
      readonly type: 'recovered';
      /** How many fetches had failed in a row. */
      readonly failures: number;
      /** Whether reads were answered from the sealed snapshot or the environment meanwhile. */
      readonly fromFallback: boolean;
    }
  | {
      /** A fetch confirmed the version held. */
      readonly type: 'refreshed';
      /** The version held. */
      readonly versionId: string;
      /** What became worth a warning since it was confirmed last, such as a certificate that expired. */
      readonly warnings: readonly Violation[];
    }
  | {
      /** Another version is current; reads already answer it. */
      readonly type: 'rotated';
      /** The version before. */
      readonly from: string;
      /** The version now. */
      readonly to: string;
      /** What is worth a warning in the new version. */
      readonly warnings: readonly Violation[];
    }
  | {
      /** A value past its lifetime is served because revalidation failed. */
      readonly type: 'stale';
      /** How long it has been held. */
      readonly ageMs: number;
      /** When it is gone, from now. */
      readonly expiresInMs: number;
    }
);

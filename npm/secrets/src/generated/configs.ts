/** The configs, as stored in Secrets Manager. Written by `cargo xtask generate`. */

/** Fields that the schema does not name. */
export type Extra = Readonly<Record<string, unknown>>;

/** How to connect to PostgreSQL. User name and password are always of one version. */
export interface DatabaseConfig {
  /** Host name or address. */
  readonly host: string;
  /** Port; 5432 where none is stored. */
  readonly port: number;
  /** The database's name (`dbname` in AWS's own secrets). */
  readonly database: string;
  /** The user. */
  readonly username: string;
  /** The user's password. */
  readonly password: string;
  /** TLS, where it is asked for. */
  readonly ssl?: {
    /** Whether the server's certificate is verified; true unless switched off. */
    readonly rejectUnauthorized: boolean;
    /** Certificate authorities to trust, as PEM text. */
    readonly ca?: string;
  };
  /** `postgresql://user:password@host:port/database`, user and password percent-encoded; TLS is in `ssl`, since every driver spells it otherwise. */
  readonly url: string;
  /** Fields that the schema does not name. */
  readonly extra: Extra;
}

/** How to connect to Redis. */
export interface RedisConfig {
  /** Host name or address. */
  readonly host: string;
  /** Port; 6379 where none is stored. */
  readonly port: number;
  /** The user of Redis's access control lists, where one is used. */
  readonly username?: string;
  /** The password, where one is used. */
  readonly password?: string;
  /** The number of the logical database. */
  readonly db?: number;
  /** TLS, where it is asked for. */
  readonly tls?: {
    /** The name that the server's certificate must hold; the host unless stored otherwise. */
    readonly servername: string;
    /** Whether the server's certificate is verified; true unless switched off. */
    readonly rejectUnauthorized: boolean;
    /** Certificate authorities to trust, as PEM text. */
    readonly ca?: string;
  };
  /** `redis://user:password@host:port/db`, `rediss://` under TLS; user and password percent-encoded. */
  readonly url: string;
  /** Fields that the schema does not name. */
  readonly extra: Extra;
}

/** Keys that sign sessions and tokens, with the previous ones while they are still honoured after a rotation. */
export interface SecurityConfig {
  /** Signs new sessions; at least 32 characters. */
  readonly sessionSecret: string;
  /** Signs new tokens; at least 32 characters are advised. */
  readonly jwtSecret: string;
  /** Authenticates internal callers. */
  readonly internalApiKey: string;
  /** Sign with the first, verify with all: the current secret, then the previous one. As express-session's `secret`. */
  readonly sessionSecrets: readonly string[];
  /** Sign with the first, verify with all: the current secret, then the previous one. */
  readonly jwtSecrets: readonly string[];
  /** Fields that the schema does not name. */
  readonly extra: Extra;
}

/** Stripe's API keys; public and private key are of the same mode. */
export interface StripeConfig {
  /** The publishable key, `pk_test_…` or `pk_live_…`. */
  readonly publicKey: string;
  /** The secret key `sk_…`, a restricted one `rk_…`, or an organisation's `sk_org_…`. */
  readonly privateKey: string;
  /** Verifies webhooks, `whsec_…`. */
  readonly webhookSecret: string;
  /** Fields that the schema does not name. */
  readonly extra: Extra;
}

/** How to send mail over SMTP, by default of Amazon SES. */
export interface EmailConfig {
  /** The SMTP user. */
  readonly smtpUser: string;
  /** The SMTP password (for SES derived from an IAM key, not the key itself). */
  readonly smtpPassword: string;
  /** The sender, `name@example.com` or `Name <name@example.com>`. */
  readonly fromAddress: string;
  /** The server; SES in the secret's region where none is stored. */
  readonly host: string;
  /** Port; 587 where none is stored. */
  readonly port: number;
  /** SES's configuration set, where one is used. */
  readonly configurationSet?: string;
  /** Fields that the schema does not name. */
  readonly extra: Extra;
}

/** The government portal's login. */
export interface GovernmentPortalConfig {
  /** The portal's user. */
  readonly username: string;
  /** The user's password. */
  readonly password: string;
  /** The login page; always `https`. */
  readonly loginUrl: string;
  /** Fields that the schema does not name. */
  readonly extra: Extra;
}

/** Keys of monitoring providers by name. Any may be missing, and any further one may be there. */
export interface MonitoringConfig {
  /** Sentry's data source name. */
  readonly sentryDsn?: string;
  /** Datadog's API key. */
  readonly datadogApiKey?: string;
  /** New Relic's licence key. */
  readonly newRelicLicenseKey?: string;
  readonly [key: string]: string | undefined;
}

/** Each built-in service's config. */
export interface Configs {
  database: DatabaseConfig;
  redis: RedisConfig;
  security: SecurityConfig;
  stripe: StripeConfig;
  email: EmailConfig;
  'government-portal': GovernmentPortalConfig;
  monitoring: MonitoringConfig;
}

/** A built-in service. */
export type Service = keyof Configs;

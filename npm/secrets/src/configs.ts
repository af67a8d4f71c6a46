/** The shapes of the seven configs, as stored in Secrets Manager, and those that an application defines. */

/** Fields that the schema does not name. */
export type Extra = Readonly<Record<string, unknown>>;

/** PostgreSQL. User name and password are always of one version. */
export interface DatabaseConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string;
  readonly ssl?: {
    readonly rejectUnauthorized: boolean;
    /** PEM text. */
    readonly ca?: string;
  };
  /** `postgresql://…`, user and password percent-encoded; TLS is in `ssl`. */
  readonly url: string;
  readonly extra: Extra;
}

/** Redis. */
export interface RedisConfig {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: {
    readonly servername: string;
    readonly rejectUnauthorized: boolean;
    /** PEM text. */
    readonly ca?: string;
  };
  /** `redis://…`, `rediss://…` under TLS. */
  readonly url: string;
  readonly extra: Extra;
}

/** Keys that sign sessions and tokens. */
export interface SecurityConfig {
  /** At least 32 characters. */
  readonly sessionSecret: string;
  readonly jwtSecret: string;
  readonly internalApiKey: string;
  /** Sign with the first, verify with all: the second is of before a rotation. As express-session's `secret`. */
  readonly sessionSecrets: readonly string[];
  /** Sign with the first, verify with all. */
  readonly jwtSecrets: readonly string[];
  readonly extra: Extra;
}

/** Stripe's API keys. */
export interface StripeConfig {
  /** `pk_test_…` or `pk_live_…` */
  readonly publicKey: string;
  /** `sk_…`, or a restricted `rk_…` */
  readonly privateKey: string;
  /** `whsec_…` */
  readonly webhookSecret: string;
  readonly extra: Extra;
}

/** SMTP, by default of Amazon SES. */
export interface EmailConfig {
  readonly smtpUser: string;
  readonly smtpPassword: string;
  readonly fromAddress: string;
  readonly host: string;
  readonly port: number;
  /** SES's. */
  readonly configurationSet?: string;
  readonly extra: Extra;
}

/** The government portal's login. */
export interface GovernmentPortalConfig {
  readonly username: string;
  readonly password: string;
  /** Always `https`. */
  readonly loginUrl: string;
  readonly extra: Extra;
}

/** Keys of monitoring providers by name. */
export interface MonitoringConfig {
  readonly sentryDsn?: string;
  readonly datadogApiKey?: string;
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

/** A field of a secret that the application defines. */
export interface FieldDefinition {
  /** Default `string`. A `url` is an absolute URL, as text. */
  readonly type?: 'boolean' | 'integer' | 'string' | 'url';
  /** Default true. */
  readonly required?: boolean;
  /** The fewest characters, for a `string`. */
  readonly minLength?: number;
  /** The environment variable that the field falls back to. */
  readonly variable?: string;
}

/** A secret that the application defines. */
export interface SecretDefinition<Fields extends Record<string, FieldDefinition> = Record<string, FieldDefinition>> {
  /** `{service}/{secret-type}`: what follows the environment in the secret's name. */
  readonly id: string;
  readonly fields: Fields;
}

type Value<Field> = Field extends { type: 'integer' } ? number : Field extends { type: 'boolean' } ? boolean : string;

/** The config's type, inferred from the definition. */
export type ConfigOf<Fields> = {
  readonly [Name in keyof Fields as Fields[Name] extends { required: false } ? never : Name]: Value<Fields[Name]>;
} & {
  readonly [Name in keyof Fields as Fields[Name] extends { required: false } ? Name : never]?: Value<Fields[Name]>;
} & { readonly extra: Extra };

/**
 * Defines a secret of the application's own. It is named, batched, cached, validated and redacted like the seven.
 *
 * ```ts
 * const whatsapp = defineSecret('whatsapp/api', { fields: { token: { variable: 'WHATSAPP_TOKEN' } } });
 * await initializeSecrets({ secrets: [whatsapp] });
 * getSecret(whatsapp).token;
 * ```
 */
export function defineSecret<const Fields extends Record<string, FieldDefinition>>(
  id: `${string}/${string}`,
  definition: { fields: Fields },
): SecretDefinition<Fields> {
  // Whole, so that the engine can refuse what it does not know.
  return Object.freeze({ ...definition, id });
}

/**
 * Typed application secrets from AWS Secrets Manager: `await initializeSecrets()` once, then `getDatabaseConfig()`
 * anywhere.
 */

export type {
  ConfigOf,
  Configs,
  DatabaseConfig,
  EmailConfig,
  Extra,
  FieldDefinition,
  GovernmentPortalConfig,
  MonitoringConfig,
  RedisConfig,
  SecretDefinition,
  SecurityConfig,
  Service,
  StripeConfig,
} from './configs.js';
export { defineSecret } from './configs.js';
export {
  closeSecrets,
  getDatabaseConfig,
  getEmailConfig,
  getGovernmentPortalConfig,
  getHealth,
  getMonitoringConfig,
  getRedisConfig,
  getSecret,
  getSecurityConfig,
  getStripeConfig,
  initializeSecrets,
  onSecretsEvent,
  refreshSecret,
  withDatabaseRetry,
} from './default.js';
export type { ErrorCode, Violation } from './errors.js';
export {
  AccessDeniedError,
  ConfigInvalidError,
  DecryptionFailedError,
  InvalidSecretError,
  NotFoundError,
  NotReadyError,
  SecretsError,
  ThrottledError,
  TimeoutError,
  UnauthenticatedError,
  UnavailableError,
} from './errors.js';
export type { Freshness, Health, Origin, Reads, SecretsEvent, SecretsEvents, ServiceHealth, Status } from './health.js';
export type { SecretsOptions } from './options.js';
export { Secrets } from './secrets.js';
export type { SecretRead, ServiceLike } from './secrets.js';

/**
 * Typed application secrets from AWS Secrets Manager: `await initializeSecrets()` once, then `getDatabaseConfig()`
 * anywhere.
 */

export type * from './configs.js';
export type { ConfigOf, FieldDefinition, SecretDefinition } from './define.js';
export { defineSecret } from './define.js';
export {
  closeSecrets,
  getHealth,
  getSecret,
  initializeSecrets,
  onSecretsEvent,
  refreshSecret,
  withDatabaseRetry,
} from './default.js';
// generated: getters
export {
  getDatabaseConfig,
  getRedisConfig,
  getSecurityConfig,
  getStripeConfig,
  getEmailConfig,
  getGovernmentPortalConfig,
  getMonitoringConfig,
} from './default.js';
// end of generated
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

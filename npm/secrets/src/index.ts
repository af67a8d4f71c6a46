/**
 * Typed application secrets from AWS Secrets Manager: `await initializeSecrets()` once, then `getDatabaseConfig()`
 * anywhere.
 */

export type * from './generated/configs.js';
export type { ConfigOf, FieldDefinition, SecretDefinition, SecretOf } from './define.js';
export { defineSecret } from './define.js';
export {
  closeSecrets,
  getHealth,
  getMetrics,
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
// generated: classes
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
// end of generated
/** @internal */
export { currentSecrets, registerSecrets } from './default.js';
export type * from './generated/documents.js';
export type { SecretsOptions } from './options.js';
export { Secrets } from './secrets.js';
export type { SecretRead, SecretsEvents, ServiceLike } from './secrets.js';

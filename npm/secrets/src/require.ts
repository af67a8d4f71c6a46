/** What `require` returns: an object of plain values. As a module's exports each would be a getter, made at every start. */

import { defineSecret } from './define.js';
import {
  closeSecrets,
  getHealth,
  getSecret,
  initializeSecrets,
  onSecretsEvent,
  refreshSecret,
  withDatabaseRetry,
} from './default.js';
// generated: imports
import {
  getDatabaseConfig,
  getRedisConfig,
  getSecurityConfig,
  getStripeConfig,
  getEmailConfig,
  getGovernmentPortalConfig,
  getMonitoringConfig,
} from './default.js';
// end of generated
import {
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
import { Secrets } from './secrets.js';

export = {
  // generated: exports
  getDatabaseConfig,
  getRedisConfig,
  getSecurityConfig,
  getStripeConfig,
  getEmailConfig,
  getGovernmentPortalConfig,
  getMonitoringConfig,
  // end of generated
  AccessDeniedError,
  closeSecrets,
  ConfigInvalidError,
  DecryptionFailedError,
  defineSecret,
  getHealth,
  getSecret,
  initializeSecrets,
  InvalidSecretError,
  NotFoundError,
  NotReadyError,
  onSecretsEvent,
  refreshSecret,
  Secrets,
  SecretsError,
  ThrottledError,
  TimeoutError,
  UnauthenticatedError,
  UnavailableError,
  withDatabaseRetry,
} satisfies typeof import('./index.js');

/** Errors: one class per code, built from the engine's one table. */

import type { ErrorCode, Violation } from './generated/documents.js';

/** An error as the addon returns it. */
export interface ErrorDocument {
  code: ErrorCode;
  retryable: boolean;
  service: string | null;
  message: string;
  violations: Violation[];
  errors: ErrorDocument[];
}

/** What every operation throws. The message says what happened and what to do, and never holds a value. */
export class SecretsError extends Error {
  /** Stable: match on it. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** The service concerned, where it is one. */
  declare readonly service?: string;
  /** Every broken rule, for `SECRETS_INVALID` and `SECRETS_CONFIG_INVALID`. */
  declare readonly violations: readonly Violation[];
  /** The errors of the single services, where this one sums up several. */
  declare readonly errors?: readonly SecretsError[];

  constructor(document: ErrorDocument) {
    const errors = document.errors.map(toError);
    super(document.message, errors.length > 0 ? { cause: errors[0] } : undefined);
    this.code = document.code;
    this.retryable = document.retryable;
    if (document.service !== null) this.service = document.service;
    // The message lists all of it. Node prints what is enumerable, and `cause` and `errors` in any case: an error that
    // ends the process is not to be printed four times.
    hide(this, { name: new.target.name, violations: document.violations, ...(errors.length > 0 && { errors }) });
    for (const error of errors) {
      const { name, message, code, retryable, service } = error;
      // Where they were made says nothing; where the whole was thrown does.
      hide(error, { stack: `${name}: ${message}`, code, retryable, service });
    }
  }

  /** Everything but the stack, for logs. */
  toJSON(): object {
    const { name, message, code, retryable, service, violations, errors } = this;
    return { name, message, code, retryable, service, violations, errors };
  }
}

/** Sets properties that are not enumerable. */
function hide(error: SecretsError, properties: object): void {
  for (const [name, value] of Object.entries(properties) as [string, unknown][]) {
    Object.defineProperty(error, name, { value, enumerable: false, configurable: true });
  }
}

// generated: classes
/** The role may not read the secret or use its KMS key. Grant the action named in the message. */
export class AccessDeniedError extends SecretsError {}
/** An option or a name is wrong. Fix the option named. */
export class ConfigInvalidError extends SecretsError {}
/** KMS could not decrypt the secret. Check the key, its state and its policy. */
export class DecryptionFailedError extends SecretsError {}
/** The stored payload or the environment is malformed or violates the schema. Fix every violation listed. */
export class InvalidSecretError extends SecretsError {}
/** The secret does not exist in the region, or is scheduled for deletion. Create or restore it. */
export class NotFoundError extends SecretsError {}
/** A read before the first load, or after the end. Load, and wait for it, first. */
export class NotReadyError extends SecretsError {}
/** Secrets Manager limits the rate. Retried by itself. */
export class ThrottledError extends SecretsError {}
/** The deadline passed. Retried by itself. */
export class TimeoutError extends SecretsError {}
/** No credentials, or expired ones. Check what the credential chain tried. */
export class UnauthenticatedError extends SecretsError {}
/** Connection failed, or the server answered 5xx. Retried by itself. */
export class UnavailableError extends SecretsError {}

const CLASSES: Record<ErrorCode, new (document: ErrorDocument) => SecretsError> = {
  SECRETS_ACCESS_DENIED: AccessDeniedError,
  SECRETS_CONFIG_INVALID: ConfigInvalidError,
  SECRETS_DECRYPTION_FAILED: DecryptionFailedError,
  SECRETS_INVALID: InvalidSecretError,
  SECRETS_NOT_FOUND: NotFoundError,
  SECRETS_NOT_READY: NotReadyError,
  SECRETS_THROTTLED: ThrottledError,
  SECRETS_TIMEOUT: TimeoutError,
  SECRETS_UNAUTHENTICATED: UnauthenticatedError,
  SECRETS_UNAVAILABLE: UnavailableError,
};
// end of generated

/** The error of a document's class. */
export function toError(document: ErrorDocument): SecretsError {
  return new CLASSES[document.code](document);
}

/** An error of the facade's own. */
export function failure(
  code: 'SECRETS_CONFIG_INVALID' | 'SECRETS_NOT_READY',
  summary: string,
  violations: Violation[] = [],
): SecretsError {
  const message = [summary, ...violations.map(({ path, message }) => `  ${path}: ${message}`)].join('\n');
  return toError({ code, retryable: false, service: null, message, violations, errors: [] });
}

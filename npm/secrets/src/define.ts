/** The secrets that an application defines. */

import type { Extra } from './generated/configs.js';

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

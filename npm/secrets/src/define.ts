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
  /** The most characters, for a `string`. */
  readonly maxLength?: number;
  /** A regular expression that a `string` matches, as JSON Schema advises it: `^EAA`. */
  readonly pattern?: string;
  /** The texts of which a `string` is one. */
  readonly enum?: readonly string[];
  /** The environment variable that the field falls back to. */
  readonly variable?: string;
}

/** A secret that the application defines. */
export interface SecretDefinition<
  Fields extends Record<string, FieldDefinition> = Record<string, FieldDefinition>,
  Optional extends boolean = boolean,
> {
  /** `{service}/{secret-type}`: what follows the environment in the secret's name. */
  readonly id: string;
  readonly fields: Fields;
  /** Whether the application runs without it. Default false. */
  readonly optional?: Optional;
}

interface Types {
  boolean: boolean;
  integer: number;
  string: string;
  url: string;
}

/** What is not written as a literal may be any of what it may be. */
type Given<Field, Key extends keyof FieldDefinition, Default> = Key extends keyof Field
  ? Exclude<Field[Key], undefined> | (undefined extends Field[Key] ? Default : never)
  : Default;

type Value<Field> = Field extends { enum: readonly (infer Text)[] } ? Text : Types[Given<Field, 'type', 'string'> & keyof Types];

type IsOptional<Field> = false extends Given<Field, 'required', true> ? true : false;

/** The config's type, inferred from the definition. */
export type ConfigOf<Fields> = {
  readonly [Name in keyof Fields as IsOptional<Fields[Name]> extends true ? never : Name]: Value<Fields[Name]>;
} & {
  readonly [Name in keyof Fields as IsOptional<Fields[Name]> extends true ? Name : never]?: Value<Fields[Name]> | undefined;
} & { readonly extra: Extra };

/** What `getSecret` returns: `undefined` for an optional secret that is not there. */
export type SecretOf<Fields, Optional extends boolean> =
  | ConfigOf<Fields>
  | (true extends Optional ? undefined : never);

/**
 * Defines a secret of the application's own. It is named, batched, cached, validated and redacted like the seven.
 *
 * ```ts
 * const whatsapp = defineSecret('whatsapp/api', { fields: { token: { variable: 'WHATSAPP_TOKEN' } } });
 * await initializeSecrets({ secrets: [whatsapp] });
 * getSecret(whatsapp).token;
 * ```
 */
export function defineSecret<const Fields extends Record<string, FieldDefinition>, const Optional extends boolean = false>(
  id: `${string}/${string}`,
  definition: { fields: Fields; optional?: Optional },
): SecretDefinition<Fields, Optional> {
  // Whole, so that the engine can refuse what it does not know.
  return Object.freeze({ ...definition, id });
}

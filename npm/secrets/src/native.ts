/** Finds the addon, and opens the envelope of its answers. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { type ErrorDocument, toError } from './errors.js';
import type { ErrorCode, Freshness, Health, Origin, Sample } from './generated/documents.js';

/** An answer: JSON of `{"ok":…}` or `{"error":…}`. */
export type Answer<T> = string & { readonly answers?: T };

type Envelope<T> = { ok: T; error?: undefined } | { ok?: undefined; error: ErrorDocument };

/** Called with what happens. */
export type Notify = (kind: 'changed' | 'event' | 'lagged', content: string) => void;

/** What `bindings/node` exports. */
export interface Native {
  variableNames(options: string): Answer<string[]>;
  runTool(commandLine: string[]): number;
  openSecrets(
    options: string,
    variables: Record<string, string>,
    notify: Notify,
  ): Envelope<NativeSecrets>;
  /** Blocks until they are loaded. */
  shareSecrets(variables: Record<string, string>, notify: Notify): Envelope<NativeSecrets>;
  sharedSecrets(notify: Notify): Envelope<NativeSecrets | undefined>;
  exitCode(code: ErrorCode): number;
}

export interface NativeSecrets {
  load(): Promise<Answer<null>>;
  refresh(service: string): Promise<Answer<null>>;
  read(service: string): Answer<ReadDocument>;
  processVariables(): Answer<Record<string, string | null>>;
  countReads(service: string, origin: Origin, freshness: Freshness, times: number): void;
  health(): Answer<Health>;
  metrics(): Answer<Sample[]>;
  retryLogins(budgetMs: number): NativeLoginRetries;
  close(): void;
}

export interface NativeLoginRetries {
  afterFailure(tried: string | null, reported: { code: string; message: string }[]): Promise<Answer<boolean>>;
}

/** A read with its values. */
export interface ReadDocument {
  config: object;
  redacted: object;
  origin: Origin;
  freshness: Freshness;
  versionId: string | null;
  previous: { config: object; redacted: object } | null;
}

/** What an answer holds, or its error thrown. */
export function unwrap<T>(answer: Answer<T> | Envelope<T>): T {
  const envelope = typeof answer === 'string' ? (JSON.parse(answer) as Envelope<T>) : answer;
  if (envelope.error) throw toError(envelope.error);
  return envelope.ok as T;
}

/** Such as `linux-x64-gnu` or `darwin-arm64`. */
function platform(): string {
  const { platform, arch } = process;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  if (platform !== 'linux') return `${platform}-${arch}`;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return `linux-${arch}-${report?.header?.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

/** As `require` does it, without its search. */
function open(file: string): Native {
  const addon = { exports: {} };
  process.dlopen(addon, file);
  return addon.exports as Native;
}

function load(): Native {
  // Asking for the C library takes milliseconds: the file that is there usually answers.
  const { platform: os, arch } = process;
  const likely = os === 'linux' ? `linux-${arch}-gnu` : platform();
  const file = (name: string): string => join(__dirname, '..', 'native', `permisos-secrets.${name}.node`);
  if (existsSync(file(likely))) {
    try {
      return open(file(likely));
    } catch (error) {
      if (platform() === likely) throw error;
    }
  }
  const name = platform();
  if (existsSync(file(name))) return open(file(name));
  try {
    return require(`@permisos/secrets-${name}`) as Native;
  } catch (cause) {
    throw new Error(
      `@permisos/secrets has no binary for ${name}: install @permisos/secrets-${name} on this platform, without ` +
        '--omit=optional; if the application is bundled, leave @permisos/secrets out of the bundle ' +
        '(esbuild: --external:@permisos/secrets)',
      { cause },
    );
  }
}

export const native: Native = load();

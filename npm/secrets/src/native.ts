/** Finds the addon. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What `bindings/node` exports: documents are JSON. */
export interface Native {
  variableNames(options: string): string[];
  isLoginFailure(reported: { code: string; message: string }[]): boolean;
  runTool(commandLine: string[]): number;
  openSecrets(
    options: string,
    variables: Record<string, string>,
    notify: (kind: 'changed' | 'event' | 'lagged', content: string) => void,
  ): { secrets?: NativeSecrets; error?: string };
  NativeLoginRetry: new (budgetMs: number, seed: number) => NativeLoginRetry;
}

export interface NativeSecrets {
  load(): Promise<string | null>;
  refresh(service: string): Promise<string | null>;
  read(service: string): string;
  health(): string;
  close(): void;
}

export interface NativeLoginRetry {
  next(tried: string | null, held: string | null): { step: 'give-up' | 'refresh' | 'retry' | 'wait'; waitMs?: number };
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

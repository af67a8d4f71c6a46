/** What the adapters share: whose secrets they read, and when these change. */

import type { Configs, Service } from './generated/configs.js';
// Not from the modules behind it, and not bundled: there is one copy of the application's secrets.
import { currentSecrets, onSecretsEvent, type Secrets } from './index.js';

/** By default the secrets of `initializeSecrets()`. */
export function source(secrets: Secrets | undefined): Secrets {
  return secrets ?? currentSecrets();
}

/** Calls the listener with each new config of a service, from the next one on. Returns a function that ends this. */
export function follow<S extends Service>(
  service: S,
  listener: (config: Configs[S]) => void,
  secrets: Secrets | undefined,
): () => void {
  const read = (): Configs[S] | undefined => {
    try {
      return source(secrets).read(service).config;
    } catch {
      // Not loaded yet, or gone by now: there is nothing to follow.
      return undefined;
    }
  };
  let known = read();
  // The same version is the same object.
  const look = (): void => {
    const config = read();
    if (config === undefined || config === known) return;
    known = config;
    listener(config);
  };
  if (!secrets) return onSecretsEvent(look);
  secrets.on('event', look);
  return () => secrets.off('event', look);
}

/**
 * Fetches a service whose credentials a server refused: they may just have been rotated. What comes of it is an event.
 */
export function renew(service: Service, secrets: Secrets | undefined): void {
  const renewed = async (): Promise<void> => source(secrets).refresh(service);
  renewed().catch(() => {});
}

/** Whether Redis refused user and password. */
export function isRefused(error: unknown): boolean {
  return error instanceof Error && /^(?:WRONGPASS|NOAUTH|ERR invalid password)/.test(error.message);
}

/** Cuts the arguments of the login off that a server repeats which does not know the command, as `rename-command` makes one. */
export function withoutArguments(error: Error): void {
  const [message = ''] = error.message.split(', with args');
  if (message !== error.message) Object.assign(error, { message, stack: `${error.name}: ${message}` });
}

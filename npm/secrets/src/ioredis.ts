/** ioredis, and Bull through its `createClient`: connections that log in with the current credentials. */

import { Redis, type RedisOptions } from 'ioredis';

import { follow, isRefused, renew, source, withoutArguments } from './follow.js';
import type { Secrets } from './index.js';

/** What the secret answers, in ioredis's words. */
const FIELDS = ['host', 'port', 'username', 'password', 'tls'] as const;
type Options = Omit<RedisOptions, (typeof FIELDS)[number]>;

/**
 * An ioredis client that follows Redis's secret: it logs in with the current credentials at each connect, and again where it
 * is connected when they change. So does what `duplicate()` makes of it.
 *
 * ```js
 * import { createRedis } from '@permisos/secrets/ioredis';
 *
 * const redis = createRedis({ keyPrefix: 'app:' }); // ioredis's options; host, user, password and TLS are the secret's
 * ```
 */
export function createRedis(options: Options = {}, secrets?: Secrets): Redis {
  return new RotatingRedis(options, secrets);
}

/**
 * Bull's `createClient`: each of a queue's three connections follows the secret, and ends with the queue.
 *
 * ```js
 * import { createClient } from '@permisos/secrets/ioredis';
 *
 * const queue = new Queue('mail', { createClient });
 * ```
 */
export function createClient(type: 'bclient' | 'client' | 'subscriber', options: RedisOptions = {}): Redis {
  // Bull refuses these two for connections that block or subscribe.
  const blocking = type === 'client' ? {} : { enableReadyCheck: false, maxRetriesPerRequest: null };
  const client = createRedis({ ...options, ...blocking });
  // Bull leaves the connections of a factory open; it lets go of each when the queue is closed.
  client.on('removeListener', (event) => {
    if (event === 'error' && client.listenerCount('error') === 0) client.disconnect();
  });
  return client;
}

class RotatingRedis extends Redis {
  readonly #secrets: Secrets | undefined;

  constructor(options: RedisOptions, secrets: Secrets | undefined) {
    const { host, port, username, password, db, tls } = source(secrets).getRedisConfig();
    const credentials = { host, port, ...(username && { username }), ...(password && { password }), ...(tls && { tls }) };
    super({
      ...options,
      ...(options.db === undefined && db !== undefined && { db }),
      ...credentials,
      reconnectOnError(error) {
        meet(error, secrets);
        return options.reconnectOnError?.(error) ?? false;
      },
    });
    this.#secrets = secrets;
    // ioredis reads its options at each connect.
    for (const name of FIELDS) {
      const get = (): unknown => source(secrets).getRedisConfig()[name];
      Object.defineProperty(this.options, name, { get, enumerable: true, configurable: true });
    }
    const start = (): (() => void) => follow('redis', ({ username, password }) => this.#login(username, password), secrets);
    let unfollow: (() => void) | undefined = start();
    // It may be connected again after its end: Bull does that.
    this.on('connect', () => (unfollow ??= start()));
    this.on('end', () => (unfollow = void unfollow?.()));
  }

  override duplicate(override?: Partial<RedisOptions>): Redis {
    return new RotatingRedis({ ...this.options, ...override }, this.#secrets);
  }

  override auth(...args: any[]): any {
    return this.#met(super.auth(...(args as [string])));
  }

  /** By this command ioredis 6 logs in. */
  override hello(...args: any[]): any {
    return this.#met(super.hello(...(args as [string])));
  }

  /** The first to see the error of an answer. */
  #met<Answer extends Promise<unknown>>(answer: Answer): Answer {
    answer.catch((error) => meet(error, this.#secrets));
    return answer;
  }

  #login(username: string | undefined, password: string | undefined): void {
    // A subscriber may send nothing but subscriptions: it logs in again when it connects again.
    if (this.status !== 'ready' || this.mode === 'subscriber' || !password) return;
    // Refused, the connection stays logged in as it was, and `reconnectOnError` has fetched the secret.
    this.call('AUTH', ...(username ? [username] : []), password).catch(() => {});
  }
}

/** A login that is refused fetches the secret, and no error of a login shows it. */
function meet(error: unknown, secrets: Secrets | undefined): void {
  if (isRefused(error)) renew('redis', secrets);
  const reply = error as Error & { command?: { name?: string } };
  if (!/^(?:auth|hello)$/i.test(reply.command?.name ?? '')) return;
  // Its arguments are user and password.
  delete reply.command;
  withoutArguments(reply);
}

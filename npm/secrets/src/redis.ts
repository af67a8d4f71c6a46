/** node-redis: options with which a client logs in with the current credentials, and again when they change. */

import { type RedisClientOptions, SocketTimeoutError } from 'redis';

import { follow, isRefused, renew, source, withoutArguments } from './follow.js';
import type { Secrets } from './index.js';

type Provider = Extract<RedisClientOptions['credentialsProvider'], { type: 'streaming-credentials-provider' }>;
type Socket = NonNullable<RedisClientOptions['socket']>;

/**
 * Options of a client that follows Redis's secret: it logs in with the current credentials at each connect, and again, on the
 * same connection, when they change. What is given here comes on top; host, user, password and TLS are the secret's.
 *
 * ```js
 * import { createClient } from 'redis';
 * import { clientOptions } from '@permisos/secrets/redis';
 *
 * const redis = await createClient(clientOptions()).on('error', report).connect();
 * ```
 */
export function clientOptions<const Options extends Omit<RedisClientOptions<any, any, any, any, any>, 'password' | 'url' | 'username'>>(
  options?: Options,
  secrets?: Secrets,
): Options & Pick<RedisClientOptions, 'credentialsProvider' | 'database' | 'socket'> {
  const { host, port, db, tls } = source(secrets).getRedisConfig();
  const strategy = options?.socket?.reconnectStrategy;
  const socket = {
    ...options?.socket,
    host,
    port,
    ...(tls && { ...tls, tls: true }),
    reconnectStrategy: (retries: number, cause: Error) => {
      if (isRefused(cause)) renew('redis', secrets);
      withoutArguments(cause);
      return typeof strategy === 'function' ? strategy(retries, cause) : (strategy ?? delay(retries, cause));
    },
  } as Socket;
  const database = options?.database ?? db;
  return {
    ...(options as Options),
    socket,
    ...(database !== undefined && { database }),
    credentialsProvider: credentialsProvider(secrets),
  };
}

/**
 * Redis's user and password for whatever of node-redis takes a `credentialsProvider`: the nodes of a cluster, or of a sentinel.
 *
 * ```js
 * createCluster({ rootNodes, defaults: { credentialsProvider: credentialsProvider(), socket: { tls: true } } });
 * ```
 */
export function credentialsProvider(secrets?: Secrets): Provider {
  const credentials = (): { username?: string; password?: string } => {
    const { username, password } = source(secrets).getRedisConfig();
    return { ...(username && { username }), ...(password && { password }) };
  };
  return {
    type: 'streaming-credentials-provider',
    async subscribe(listener) {
      const unfollow = follow('redis', () => listener.onNext(credentials()), secrets);
      const subscription = { dispose: unfollow };
      // A client that connects again subscribes again, and drops the first subscription without disposing of it.
      dropped.register(subscription, unfollow);
      return [credentials(), subscription];
    },
    // The connection stays logged in as it was. If the new password was refused, it may be an older one by now.
    onReAuthenticationError: () => renew('redis', secrets),
  };
}

const dropped = new FinalizationRegistry<() => void>((unfollow) => unfollow());

/** node-redis's own. */
function delay(retries: number, cause: Error): number | false {
  if (cause instanceof SocketTimeoutError) return false;
  return Math.min(2 ** retries * 50, 2000) + Math.floor(Math.random() * 200);
}

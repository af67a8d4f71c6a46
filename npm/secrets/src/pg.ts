/** node-postgres: connections with the credentials that are current when they are made. */

import { Client, type ClientConfig, Pool, type PoolClient, type PoolConfig } from 'pg';

import { follow, source } from './follow.js';
import type { Secrets } from './index.js';

/** pg's options, but what the secret answers. */
export type PoolOptions = Omit<PoolConfig, 'Client' | 'connectionString' | 'password' | 'user'>;

type Done = (release?: Error | boolean) => void;
type Connected = (error: Error | undefined, client: PoolClient | undefined, done: Done) => void;

/** Where a connection leads and as whom. Its password may change, and it stays what it is. */
const IDENTITY = ['host', 'port', 'database', 'user'] as const;

/**
 * The options of one connection made now, in pg's words: for `new pg.Client(clientConfig())`, Knex, Sequelize.
 *
 * ```js
 * const client = new pg.Client(clientConfig());
 * ```
 */
export function clientConfig(secrets?: Secrets): ClientConfig {
  const { host, port, database, username: user, password, ssl, url } = source(secrets).getDatabaseConfig();
  // What a given URL says besides, such as application_name.
  const besides = Object.fromEntries(new URLSearchParams(url.split('?')[1]));
  return { ...besides, host, port, database, user, password, ...(ssl && { ssl }) };
}

/**
 * Options of a pool whose every new connection uses the current credentials: for a pool that a library makes itself, such as
 * TypeORM's (`extra: poolConfig()`). What is given here wins over the secret, as the host of a pooler.
 *
 * ```js
 * const pool = new pg.Pool(poolConfig({ max: 20 }));
 * ```
 */
export function poolConfig(options: PoolOptions = {}, secrets?: Secrets): PoolConfig {
  for (const name of ['connectionString', 'password', 'user']) {
    if (name in options) throw new TypeError(`the option ${name} would hide what the database's secret says: leave it out`);
  }
  return {
    ...options,
    Client: class extends Client {
      constructor() {
        super({ ...clientConfig(secrets), ...options });
      }
    },
  };
}

/**
 * A `pg.Pool` that follows the database's secret. New connections use the current credentials; if the login is refused since
 * the password was just rotated, they wait for the new one, as `withDatabaseRetry` does. Once user, host, port or database
 * have changed and a login with the new ones worked, the connections made before end as soon as nothing uses them.
 *
 * ```js
 * import { createPool } from '@permisos/secrets/pg';
 *
 * const pool = createPool({ max: 20 }); // pg's options; user and password are the secret's
 * await pool.query('SELECT 1');
 * ```
 */
export function createPool(options: PoolOptions = {}, secrets?: Secrets): Pool {
  return new RotatingPool(options, secrets);
}

class RotatingPool extends Pool {
  readonly #identity: () => ClientConfig;
  readonly #secrets: Secrets | undefined;
  readonly #unfollow: () => void;
  /** What every connection is to be. */
  #current: ClientConfig;

  constructor(options: PoolOptions, secrets: Secrets | undefined) {
    super(poolConfig(options, secrets));
    // As many as there are queries that wait.
    this.setMaxListeners(0);
    this.#secrets = secrets;
    this.#identity = () => ({ ...clientConfig(secrets), ...options });
    this.#current = this.#identity();
    this.#unfollow = follow('database', () => void this.#replace(), secrets);
    // The server ended a connection that is idle, or about to end: the next query makes another. Without these listeners the
    // process would end.
    this.on('error', () => {});
    this.on('connect', (client) => client.on('error', () => {}));
    this.on('release', (_error, client) => {
      if (this.#isOutdated(client)) setImmediate(() => void this.#endIdle());
    });
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<PoolClient> | void {
    const connected = this.#connect();
    if (!callback) return connected;
    // What the callback throws is its caller's, as without this promise.
    connected.then(
      (client) => process.nextTick(callback, undefined, client, client.release),
      (error: Error) => process.nextTick(callback, error, undefined, () => {}),
    );
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    this.#unfollow();
    return callback ? super.end(callback) : super.end();
  }

  async #connect(): Promise<PoolClient> {
    for (;;) {
      // An idle one needs no login, unless another query was faster.
      const client = await (this.idleCount > 0 ? super.connect().catch(() => this.#checkOut()) : this.#checkOut());
      if (!this.#isOutdated(client)) return client;
      client.release(true);
    }
  }

  /** A client of the pool. While new logins are refused, one that another query gives back serves as well. */
  #checkOut(): Promise<PoolClient> {
    return new Promise((resolve, reject) => {
      let isServed = false;
      const serve = (client: PoolClient | undefined): void => {
        if (isServed) return client?.release();
        isServed = true;
        this.off('release', look);
        resolve(client as PoolClient);
      };
      const look = (): void => {
        // It is idle once the event is over.
        setImmediate(() => {
          if (!isServed && this.idleCount > 0) super.connect().then(serve, () => {});
        });
      };
      const logIn = async (): Promise<PoolClient | undefined> => {
        if (isServed) return undefined;
        try {
          return await super.connect();
        } catch (error) {
          if (!this.listeners('release').includes(look)) this.on('release', look);
          // It may have been given back while the login was under way.
          look();
          throw error;
        }
      };
      source(this.#secrets)
        .withDatabaseRetry(logIn)
        .then(serve, (error: Error) => {
          this.off('release', look);
          if (!isServed) reject(error);
        });
    });
  }

  /** Ends the connections of another user, as soon as one of the new user's worked: wrong credentials empty no pool. */
  async #replace(): Promise<void> {
    const next = this.#identity();
    if (IDENTITY.every((name) => next[name] === this.#current[name])) return;
    try {
      await source(this.#secrets).withDatabaseRetry(async () => {
        const client = new Client(this.#identity());
        client.on('error', () => {});
        await client.connect().finally(() => client.end());
      });
    } catch {
      // The next connection that is needed reports it.
      return;
    }
    this.#current = next;
    await this.#endIdle();
  }

  async #endIdle(): Promise<void> {
    if (this.ending) return;
    const idle = Array.from({ length: this.idleCount }, () => super.connect());
    for (const one of await Promise.allSettled(idle)) {
      if (one.status === 'fulfilled') one.value.release(this.#isOutdated(one.value));
    }
  }

  #isOutdated(client: PoolClient): boolean {
    return IDENTITY.some((name) => (client as PoolClient & Client)[name] !== this.#current[name]);
  }
}

/** Secrets: what is read often is kept as a frozen object here, everything else is asked of the engine. */

import type { Channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';

import type { Configs, Service } from './generated/configs.js';
// generated: types
import type { DatabaseConfig, EmailConfig, GovernmentPortalConfig, MonitoringConfig, RedisConfig, SecurityConfig, StripeConfig } from './generated/configs.js';
// end of generated
import type { FieldDefinition, SecretDefinition, SecretOf } from './define.js';
import { failure, NotFoundError } from './errors.js';
import type { Freshness, Health, Origin, Sample, SecretsEvent, Violation } from './generated/documents.js';
import { native, type NativeSecrets, type Notify, unwrap } from './native.js';
import { documentOf, type SecretsOptions } from './options.js';
import { seal } from './redact.js';
import { reported } from './reported.js';

/** A config with where it came from. */
export interface SecretRead<Config = unknown> {
  readonly config: Config;
  readonly origin: Origin;
  readonly freshness: Freshness;
  /** None from the environment. */
  readonly versionId: string | undefined;
  /** The config before the last rotation, while it is honoured. */
  readonly previous: Config | undefined;
}

/** The events of `Secrets`, an EventEmitter: each by its type, and all as `event`. */
export type SecretsEvents = { event: [SecretsEvent] } & {
  [Type in SecretsEvent['type']]: [Extract<SecretsEvent, { type: Type }>];
};

/** A service: built in, or a definition's id, or the definition. */
export type ServiceLike = Service | SecretDefinition | `${string}/${string}`;

/** Every event of all secrets is published here, for those who watch an application without changing it. */
let events: Channel | undefined;

/** Loads the module now, and not at start-up, while the application waits. */
function eventChannel(): Channel {
  const { channel } = require('node:diagnostics_channel') as typeof import('node:diagnostics_channel');
  return (events ??= channel('permisos:secrets:event'));
}

/** How long `withDatabaseRetry` goes on by default: AWS changes the database about a minute before the secret. */
const LOGIN_BUDGET_MS = 90_000;

class Entry {
  /** Reads answered from here since the engine was asked. */
  reads = 0;
  constructor(
    readonly read: SecretRead,
    readonly config: unknown,
  ) {}
}

/**
 * Typed secrets: loaded once, kept fresh in the background. Most applications use the one behind `initializeSecrets()`;
 * this class is for those that want several.
 */
export class Secrets extends EventEmitter<SecretsEvents> {
  readonly #native: NativeSecrets;
  /** What was read last. The engine says when to ask it again. */
  readonly #entries = new Map<string, Entry>();
  /** What was read last, also where the engine has to be asked again: what stays the same stays the same object. */
  readonly #kept = new Map<string, SecretRead<object>>();
  // The one that is read most has a place of its own: a property costs less than a map.
  // generated: entries
  #database: Entry | undefined;
  #redis: Entry | undefined;
  #security: Entry | undefined;
  #stripe: Entry | undefined;
  #email: Entry | undefined;
  #governmentPortal: Entry | undefined;
  #monitoring: Entry | undefined;
  // end of generated
  #isClosed = false;
  /**
   * Called when what is read may have changed.
   * @internal
   */
  onChange: (() => void) | undefined;

  private constructor(open: (notify: Notify) => NativeSecrets) {
    super();
    this.#native = open((kind, content) => this.#receive(kind, content));
  }

  /**
   * Opens and loads secrets: one call to Secrets Manager for all. The listener gets every event, from the first.
   * @throws {SecretsError} that lists everything wrong with the options, or every required service that cannot be read.
   */
  static async open(options: SecretsOptions = {}, listener?: (event: SecretsEvent) => void): Promise<Secrets> {
    const secrets = Secrets.create(options, listener);
    try {
      await secrets.load();
    } catch (error) {
      secrets.close();
      throw error;
    }
    return secrets;
  }

  /**
   * Secrets that are not loaded yet: they can be closed meanwhile.
   * @internal
   */
  static create(options: SecretsOptions, listener?: (event: SecretsEvent) => void): Secrets {
    const document = documentOf(options);
    const variables = variablesOf(unwrap(native.variableNames(document)), options?.env ?? process.env);
    const secrets = new Secrets((notify) => unwrap(native.openSecrets(document, variables, notify)));
    if (listener) secrets.on('event', listener);
    return secrets;
  }

  /**
   * The secrets of the process, loaded when this returns: by this call, or before by another thread or copy of this module.
   * @internal
   */
  static share(listener: (event: SecretsEvent) => void): Secrets {
    const variables = variablesOf(unwrap(native.variableNames('{}')), process.env);
    const secrets = new Secrets((notify) => unwrap(native.shareSecrets(variables, notify)));
    return secrets.#reportTo(listener);
  }

  /**
   * The secrets of the process, if they are shared.
   * @internal
   */
  static shared(listener: (event: SecretsEvent) => void): Secrets | undefined {
    let shared: NativeSecrets | undefined;
    const secrets = new Secrets((notify) => (shared = unwrap(native.sharedSecrets(notify))) as NativeSecrets);
    return shared && secrets.#reportTo(listener);
  }

  #reportTo(listener: (event: SecretsEvent) => void): this {
    // Under Jest nothing can be required once a test file has ended; events still come.
    eventChannel();
    return this.on('event', listener);
  }

  /**
   * Each variable of the secrets with its value for `process.env`, or null where it is to be unset.
   * @internal
   */
  processVariables(): Record<string, string | null> {
    return unwrap(this.#native.processVariables());
  }

  /** @internal */
  async load(): Promise<void> {
    const loading = this.#native.load();
    // While the server is asked.
    eventChannel();
    const loaded = await loading;
    this.#forgetAll();
    unwrap(loaded);
  }

  // A getter costs nanoseconds: call it at each use, and a rotation is seen at once.
  // generated: getters
  /** PostgreSQL. */
  getDatabaseConfig(): DatabaseConfig {
    const entry = (this.#database ??= this.#fetch('database'));
    entry.reads++;
    return entry.config as DatabaseConfig;
  }

  /** Redis. */
  getRedisConfig(): RedisConfig {
    const entry = (this.#redis ??= this.#fetch('redis'));
    entry.reads++;
    return entry.config as RedisConfig;
  }

  /** Keys that sign sessions and tokens. */
  getSecurityConfig(): SecurityConfig {
    const entry = (this.#security ??= this.#fetch('security'));
    entry.reads++;
    return entry.config as SecurityConfig;
  }

  /** Stripe's API keys. */
  getStripeConfig(): StripeConfig {
    const entry = (this.#stripe ??= this.#fetch('stripe'));
    entry.reads++;
    return entry.config as StripeConfig;
  }

  /** SMTP credentials, by default of SES. */
  getEmailConfig(): EmailConfig {
    const entry = (this.#email ??= this.#fetch('email'));
    entry.reads++;
    return entry.config as EmailConfig;
  }

  /** The government portal's login. */
  getGovernmentPortalConfig(): GovernmentPortalConfig {
    const entry = (this.#governmentPortal ??= this.#fetch('government-portal'));
    entry.reads++;
    return entry.config as GovernmentPortalConfig;
  }

  /** Keys of monitoring providers. Optional: its absence is normal. */
  getMonitoringConfig(): MonitoringConfig {
    const entry = (this.#monitoring ??= this.#fetch('monitoring'));
    entry.reads++;
    return entry.config as MonitoringConfig;
  }
  // end of generated

  /** A secret that the application defined; `undefined` where it is optional and not there. */
  getSecret<const Fields extends Record<string, FieldDefinition>, Optional extends boolean>(
    definition: SecretDefinition<Fields, Optional>,
  ): SecretOf<Fields, Optional> {
    try {
      return this.read(definition).config as SecretOf<Fields, Optional>;
    } catch (error) {
      if (definition.optional && error instanceof NotFoundError) return undefined as SecretOf<Fields, Optional>;
      throw error;
    }
  }

  /** A config with its origin, freshness and version. */
  read<S extends Service>(service: S): SecretRead<Configs[S]>;
  read(service: ServiceLike): SecretRead;
  read(service: ServiceLike): SecretRead {
    const id = idOf(service);
    const entry = this.#entries.get(id) ?? this.#fetch(id);
    entry.reads++;
    return entry.read;
  }

  /**
   * Fetches a secret now, or joins the fetch under way. At most once a second; above that it resolves at once.
   * @throws {SecretsError} if the fetch failed; what was held before is still read.
   */
  async refresh(service: ServiceLike): Promise<void> {
    const id = idOf(service);
    const refreshed = await this.#native.refresh(id);
    this.#forget(id);
    unwrap(refreshed);
  }

  /**
   * Runs work that logs in to the database. If the login fails because the password was just rotated (SQLSTATE `28P01`
   * or `28000`, also behind PgBouncer, and in the errors of Sequelize, TypeORM, Prisma, Knex or your own around it),
   * refreshes the secret and runs it again, for `budgetMs` at most. Any other error passes untouched at once, and so does
   * a login that no password can heal, such as one without TLS where `pg_hba.conf` requires it.
   */
  async withDatabaseRetry<T>(
    work: (config: DatabaseConfig) => Promise<T>,
    { budgetMs = LOGIN_BUDGET_MS }: { budgetMs?: number } = {},
  ): Promise<T> {
    const retries = this.#native.retryLogins(budgetMs);
    for (;;) {
      const { config, versionId } = this.read('database');
      try {
        return await work(config);
      } catch (error) {
        if (!unwrap(await retries.afterFailure(versionId ?? null, reported(error)))) throw error;
        // The notice that it changed may still be on its way.
        this.#forget('database');
      }
    }
  }

  /** The state of everything, without values: for a health endpoint, metrics and alerts. */
  health(): Health {
    this.#countAll();
    return unwrap(this.#native.health());
  }

  /** The number of every metric now: what `prometheus`, `opentelemetry` and `cloudwatch` hand on. */
  metrics(): Sample[] {
    this.#countAll();
    return unwrap(this.#native.metrics());
  }

  /** Forgets every value and ends the background work. Reads throw `NotReadyError` from then on. */
  close(): void {
    this.#isClosed = true;
    this.#forgetAll();
    this.#kept.clear();
    this.#native.close();
  }

  /** @internal */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #fetch(service: string): Entry {
    const known = this.#entries.get(service);
    if (known) return known;
    const document = unwrap(this.#native.read(service));
    const { origin, freshness, versionId, previous } = document;
    const kept = this.#kept.get(service);
    const config = seal(document.config, document.redacted, kept?.config);
    const read = Object.freeze({
      config,
      origin,
      freshness,
      versionId: versionId ?? undefined,
      previous: previous ? seal(previous.config, previous.redacted, kept?.previous) : undefined,
    });
    this.#kept.set(service, read);
    const entry = new Entry(read, config);
    // The engine has counted this read itself.
    entry.reads = -1;
    this.#entries.set(service, entry);
    return entry;
  }

  #receive(kind: 'changed' | 'event' | 'lagged', content: string): void {
    if (kind === 'event') return this.#publish(JSON.parse(content) as SecretsEvent);
    if (kind === 'changed') this.#forget(content);
    else this.#forgetAll();
    this.onChange?.();
  }

  #publish(event: SecretsEvent): void {
    (events ?? eventChannel()).publish(event);
    for (const name of ['event', event.type] as const) {
      for (const listener of (this as EventEmitter).rawListeners(name)) attempt(() => listener.call(this, event));
    }
  }

  #countAll(): void {
    for (const [service, entry] of this.#entries) this.#count(service, entry);
  }

  #forgetAll(): void {
    for (const service of [...this.#entries.keys()]) this.#forget(service);
  }

  #forget(service: string): void {
    const entry = this.#entries.get(service);
    if (!entry) return;
    this.#count(service, entry);
    this.#entries.delete(service);
    // generated: forget
    if (service === 'database') this.#database = undefined;
    else if (service === 'redis') this.#redis = undefined;
    else if (service === 'security') this.#security = undefined;
    else if (service === 'stripe') this.#stripe = undefined;
    else if (service === 'email') this.#email = undefined;
    else if (service === 'government-portal') this.#governmentPortal = undefined;
    else if (service === 'monitoring') this.#monitoring = undefined;
    // end of generated
  }

  /** Hands over how often an entry was read. */
  #count(service: string, entry: Entry): void {
    const { origin, freshness } = entry.read;
    if (entry.reads > 0) this.#native.countReads(service, origin, freshness, entry.reads);
    entry.reads = 0;
  }
}

/** The values of these variables, and the names alone of others that are set: one may be what a missing one is called. */
function variablesOf(names: string[], env: Readonly<Record<string, unknown>>): Record<string, string> {
  const isObject = typeof env === 'object';
  const given = names.filter((name) => isObject && Object.hasOwn(env, name) && env[name] !== undefined && env[name] !== null);
  const wrong = given.filter((name) => typeof env[name] !== 'string');
  if (!isObject || wrong.length > 0) {
    const violations: Violation[] = wrong.map((name) => ({ path: `/env/${name}`, rule: 'type', message: 'must be a string' }));
    if (!isObject) violations.push({ path: '/env', rule: 'type', message: 'must be an object of strings' });
    throw failure('SECRETS_CONFIG_INVALID', 'the options are not valid', violations);
  }
  const others = Object.keys(env).filter((name) => env[name] && !names.includes(name));
  return Object.fromEntries([...others.map((name) => [name, '']), ...given.map((name) => [name, env[name] as string])]);
}

function idOf(service: ServiceLike): string {
  return typeof service === 'string' ? service : service.id;
}

/** A listener that throws must neither end the application nor keep other listeners from the event. */
export function attempt(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

// Secrets in a program of Node.js, by the component: it fetches in the background, and reads from what it holds.

import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

import { attempt, load, open } from './component.mjs';

const FAILURES = {
  AccessDeniedException: 'SECRETS_ACCESS_DENIED',
  CredentialsProviderError: 'SECRETS_UNAUTHENTICATED',
  DecryptionFailure: 'SECRETS_DECRYPTION_FAILED',
  ResourceNotFoundException: 'SECRETS_NOT_FOUND',
  ThrottlingException: 'SECRETS_THROTTLED',
  TimeoutError: 'SECRETS_TIMEOUT',
};

export class Secrets {
  #engine;
  #client;
  #started = performance.now();
  #kept = new Map();
  #changed = new Set();
  #fetches = 0;
  #waiting = new Set();
  #timer;
  events = [];

  /** Opens an engine of the component that `jco transpile` made, and starts to fetch. */
  static async open(transpiled, options) {
    const secrets = new Secrets();
    secrets.#engine = open(await load(transpiled), options, process.env, Date.now(), randomInt(2 ** 48 - 1));
    const { connection } = JSON.parse(secrets.#engine.setup());
    secrets.#client = new SecretsManagerClient({
      region: connection.regions[0],
      endpoint: connection.endpointUrl ?? undefined,
      profile: connection.profile ?? undefined,
      requestHandler: { requestTimeout: connection.timeoutMs },
      maxAttempts: 1,
    });
    secrets.#turn();
    return secrets;
  }

  /** Waits until every secret is loaded; throws if a required one cannot be read. */
  ready() {
    return this.#until(() => attempt(() => this.#engine.loaded(this.#now())));
  }

  /** The config that is current now. Between two changes it is the same object. */
  get(service) {
    if (this.#changed.has(service) || !this.#kept.has(service)) {
      const { config } = JSON.parse(attempt(() => this.#engine.read(service, this.#now())));
      // What was only confirmed stays the same object.
      if (!isDeepStrictEqual(this.#kept.get(service), config)) this.#kept.set(service, Object.freeze(config));
      this.#changed.delete(service);
    }
    return this.#kept.get(service);
  }

  /** Fetches now, and waits for it. */
  refresh(service) {
    attempt(() => this.#engine.refresh(service, this.#now()));
    this.#turn();
    return this.#until(() => attempt(() => this.#engine.refreshed(service)));
  }

  health() {
    return JSON.parse(this.#engine.health(this.#now()));
  }

  close() {
    this.#engine.close();
    this.#kept.clear();
    this.#turn();
    clearTimeout(this.#timer);
    this.#client.destroy();
  }

  #now() {
    return performance.now() - this.#started;
  }

  /** Resolves at the first turn after which `isDone` says so, or throws. */
  async #until(isDone) {
    while (!isDone()) await new Promise((resolve) => this.#waiting.add(resolve));
  }

  #turn(fetched) {
    clearTimeout(this.#timer);
    const [engine, now] = [this.#engine, this.#now()];
    engine.handleClock(now, Date.now());
    if (fetched) attempt(() => engine.handleFetched(now, JSON.stringify(fetched)));
    for (let fetch; (fetch = engine.pollFetch(now)); ) void this.#fetch(JSON.parse(fetch));
    // First what is read, then who is waiting: a listener already reads the new value.
    for (let service; (service = engine.pollChanged()); ) this.#changed.add(service);
    for (let event; (event = engine.pollEvent()); ) this.events.push(JSON.parse(event));
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
    // Both clocks are to be looked at every minute, and every second while a fetch is under way.
    const longest = this.#fetches > 0 ? 1000 : 60_000;
    const wait = Math.max(0, Math.min(longest, (engine.pollTimeout() ?? Infinity) - now));
    this.#timer = setTimeout(() => this.#turn(), wait);
  }

  async #fetch({ id, requests }) {
    this.#fetches += 1;
    const outcomes = await Promise.all(requests.map((request) => this.#outcome(request)));
    this.#fetches -= 1;
    this.#turn({ id, outcomes });
  }

  /** One call for each secret; `BatchGetSecretValue` would take up to 20 of stage AWSCURRENT at once. */
  async #outcome({ service, stage, secretId }) {
    try {
      const command = new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage });
      const { SecretString: text, VersionId: versionId, CreatedDate: date } = await this.#client.send(command);
      return { service, stage, payload: { text, versionId, createdAt: date?.getTime() } };
    } catch ({ name }) {
      // The name alone: a message could hold a value.
      const failure = { code: FAILURES[name] ?? 'SECRETS_UNAVAILABLE', message: `GetSecretValue failed: ${name}` };
      return { service, stage, failure };
    }
  }
}

// What the scenes share: one database secret, opened, watched by ten thousand readers, its events written down.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { Secrets } from '@permisos/secrets';
import { assertNoLeak } from '../test/environment.mjs';
import { until } from './until.mjs';
import { credentials, versionId, watch } from './witness.mjs';

export { until };

/** What a fetch of one secret ends with, where the server answered it. */
const ANSWERED = ['invalid', 'loaded', 'refreshed', 'rotated'];

/** Creates the database secret of an environment, at version 1. */
export function createDatabase(server, environment, n = 1) {
  const more = { ClientRequestToken: versionId(n) };
  return server.create(`permisos/${environment}/database/credentials`, credentials(n), more);
}

/** Makes version `n` the current one. */
export function rotate(server, environment, n) {
  const more = { ClientRequestToken: versionId(n) };
  return server.put(`permisos/${environment}/database/credentials`, credentials(n), more);
}

/** Opens the secret with a short lifetime, and lets the readers in. */
export async function open(t, environment, url, options = {}) {
  const events = [];
  const secrets = await Secrets.open(
    { environment, source: 'aws', services: ['database'], endpointUrl: url, env: {}, ttl: 1, timeout: 60, ...options },
    (event) => events.push(event),
  );
  const witness = watch(secrets);
  t.after(() => {
    witness.abandon();
    secrets.close();
  });
  const waited = {};
  const count = (type) => events.filter((event) => event.type === type).length;
  return {
    secrets,
    events,
    witness,
    /** The only service's health. */
    health: () => secrets.health().services[0],
    /** Waits for so many more events of a type than were waited for before: one that has come already is not missed. */
    async more(type, more = 1) {
      waited[type] = (waited[type] ?? 0) + more;
      await until(`${waited[type]} of ${type}`, () => count(type) >= waited[type]);
    },
    /** The value held is served past its lifetime; health and one event report it, with the reason. */
    async stale(code) {
      await until(code, () => secrets.health().services[0].lastError === code);
      const { status, services } = secrets.health();
      const [{ origin, freshness, consecutiveFailures }] = services;
      assert.deepEqual([status, origin, freshness], ['degraded', 'secrets-manager', 'stale']);
      assert.ok(consecutiveFailures > 0);
      await until('the event stale', () => count('stale') > 0);
      assert.equal(count('stale'), 1, 'one event for the stale value');
      // On a busy machine a call may also time out.
      const errors = events.filter(({ type }) => type === 'failed').map(({ error }) => error);
      assert.deepEqual(errors.filter((error) => ![code, 'SECRETS_TIMEOUT'].includes(error)), []);
    },
    /** All is well again, without any intervention. */
    async healthy() {
      await until('health', () => secrets.health().status === 'healthy');
      const { lastError, consecutiveFailures } = secrets.health().services[0];
      assert.deepEqual([lastError, consecutiveFailures], [null, 0]);
    },
    /** Ends the scene: no reader saw a wrong value, every call has its event, no retry came early, no value leaked. */
    async end(expected) {
      await witness.stop();
      assertSilent(secrets, events);
      assert.deepEqual(witness.seen, expected);
      assertPatience(events);
      const calls = (failed) => secrets.health().fetches.filter(({ error }) => (error !== null) === failed);
      const sum = (fetches) => fetches.reduce((sum, { count }) => sum + count, 0);
      // A replica that is behind did answer, but the engine refused its version.
      const isBehind = ({ type, message }) => type === 'failed' && message.includes('still has an older version');
      const answered = () => events.filter((event) => ANSWERED.includes(event.type) || isBehind(event)).length;
      await until('an outcome for each call', () => sum(calls(false)) === answered());
      const made = { answered: answered(), failed: sum(calls(true)) };
      // A call that failed while this busy process had no turn for longer than a call may last is repeated without an event.
      const failed = count('failed');
      if (!options.regions) assert.ok(failed <= made.failed && made.failed <= 2 * failed + made.answered, `${made.failed}`);
      secrets.close();
      return made;
    },
  };
}

/** No printed object, health or event shows a value, at any depth. */
export function assertSilent(secrets, events) {
  for (const shown of [secrets, secrets.health(), events]) {
    for (const text of [inspect(shown, { depth: Infinity, showHidden: true }), JSON.stringify(shown)]) {
      assertNoLeak(text, 'a printed object');
      assert.doesNotMatch(text, /canary/);
    }
  }
}

/** After a failure the next fetch waits at least as long as the event said. */
function assertPatience(events) {
  const outcomes = events.filter(({ type }) => type === 'failed' || ANSWERED.includes(type));
  for (const [index, { type, at, retryInMs }] of outcomes.entries()) {
    const next = outcomes[index + 1];
    if (type === 'failed' && next) assert.ok(next.at >= at + retryInMs, `a retry after ${next.at - at} of ${retryInMs} ms`);
  }
}

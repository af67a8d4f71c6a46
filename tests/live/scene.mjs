// What the scenes share: one database secret, opened, watched by ten thousand readers, its events written down.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secrets } from '@permisos/secrets';
import { credentials, versionId, watch } from './witness.mjs';

/** Generous: a scene on a busy machine is slow, never wrong. */
const PATIENCE_MS = 60_000;
/** Each of these ends a fetch of one secret. */
const OUTCOMES = ['failed', 'invalid', 'loaded', 'refreshed', 'rotated'];

/** Creates the database secret of an environment, at version 1. */
export function createDatabase(server, environment, n = 1) {
  return server.create(`permisos/${environment}/database/credentials`, credentials(n), { ClientRequestToken: versionId(n) });
}

/** Makes version `n` the current one. */
export function rotate(server, environment, n) {
  const more = { ClientRequestToken: versionId(n) };
  return server.put(`permisos/${environment}/database/credentials`, credentials(n), more);
}

/** Waits until it holds. */
export async function until(what, holds) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `${what} did not come to pass`);
    await sleep(20);
  }
}

/** Opens the secret with a short lifetime, and lets the readers in. */
export async function open(t, environment, url, options = {}) {
  const events = [];
  const secrets = await Secrets.open(
    { environment, source: 'aws', services: ['database'], endpointUrl: url, env: {}, ttl: 1, timeout: 1, ...options },
    (event) => events.push(event),
  );
  const witness = watch(secrets);
  t.after(() => secrets.close());
  const count = (type) => events.filter((event) => event.type === type).length;
  return {
    secrets,
    events,
    witness,
    /** The only service's health. */
    health: () => secrets.health().services[0],
    /** Waits for so many more events of a type. */
    async more(type, more = 1) {
      const wanted = count(type) + more;
      await until(`${more} more of ${type}`, () => count(type) >= wanted);
    },
    /** The value held is served, past its lifetime, and everybody is told so, and why. */
    assertStale(code) {
      const { status, services } = secrets.health();
      const [{ origin, freshness, lastError, consecutiveFailures }] = services;
      assert.deepEqual([status, origin, freshness, lastError], ['degraded', 'secrets-manager', 'stale', code]);
      assert.ok(consecutiveFailures > 0);
      assert.equal(count('stale'), 1, 'stale is told once');
      const errors = events.filter(({ type }) => type === 'failed').map(({ error }) => error);
      assert.deepEqual([...new Set(errors)], [code]);
    },
    /** All is well again, without anybody's doing. */
    async healthy() {
      await until('health', () => secrets.health().status === 'healthy');
      const { lastError, consecutiveFailures } = secrets.health().services[0];
      assert.deepEqual([lastError, consecutiveFailures], [null, 0]);
    },
    /** Ends the scene: every reader was content, every call is accounted for, no retry came early. */
    async end(expected) {
      await witness.stop();
      if (expected) assert.deepEqual(witness.seen, expected);
      assertPatience(events);
      const calls = () => secrets.health().fetches.reduce((sum, { count }) => sum + count, 0);
      const outcomes = () => events.filter(({ type }) => OUTCOMES.includes(type)).length;
      await until('one outcome for each call', () => calls() === outcomes());
      secrets.close();
      return { calls: calls() };
    },
  };
}

/** After a failure the next fetch waits at least as long as the event said. */
function assertPatience(events) {
  const outcomes = events.filter(({ type }) => OUTCOMES.includes(type));
  for (const [index, { type, at, retryInMs }] of outcomes.entries()) {
    const next = outcomes[index + 1];
    if (type === 'failed' && next) assert.ok(next.at >= at + retryInMs, `a retry after ${next.at - at} of ${retryInMs} ms`);
  }
}

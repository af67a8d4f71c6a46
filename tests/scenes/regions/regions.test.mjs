// Two emulators as two regions: when the primary fails, the replica answers within the same fetch.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { isolateAws, startMoto } from '../../servers/servers.mjs';
import { FAULTS, inRegion, startProxy } from '../../servers/proxy.mjs';
import { createDatabase, open, rotate, until } from '../../support/scene.mjs';

const PRIMARY = 'us-east-1';
const REPLICA = 'us-west-2';
const REGIONS = [PRIMARY, REPLICA];

let replica;

before(async () => {
  isolateAws();
  replica = await startMoto(0, REPLICA);
});

after(() => replica.stop());

describe('regions', { concurrency: 2 }, () => {
  test('a primary that dies, and comes back', async (t) => {
    let { primary, proxy, scene } = await both(t, 'dead');
    await primary.kill();
    await answersFrom(scene, REPLICA);
    await rotate(replica, 'dead', 2);
    await scene.more('rotated');
    // Keeps readers away until it holds its secrets again.
    proxy.fault = inRegion(PRIMARY, FAULTS.cut);
    primary = await startMoto(primary.port);
    t.after(() => primary.stop());
    await createDatabase(primary, 'dead', 2);
    proxy.fault = FAULTS.none;
    await answersFrom(scene, PRIMARY);
    await finish(scene, proxy, ['v1', 'v2']);
  });

  test('a primary that hangs, and goes on', async (t) => {
    const { primary, proxy, scene } = await both(t, 'hanging', { timeout: 10 });
    primary.pause();
    await answersFrom(scene, REPLICA);
    await scene.more('refreshed');
    primary.resume();
    await answersFrom(scene, PRIMARY);
    await finish(scene, proxy, ['v1']);
  });

  test('a primary that answers 500, and a refresh by hand in that time', async (t) => {
    const { primary, proxy, scene } = await both(t, 'broken', { ttl: 60 });
    proxy.fault = inRegion(PRIMARY, FAULTS.answer(500, { __type: 'InternalServiceError' }));
    await scene.secrets.refresh('database');
    assert.equal(scene.health().region, REPLICA);
    assert.equal(scene.secrets.health().status, 'healthy');
    proxy.fault = FAULTS.none;
    await rotate(primary, 'broken', 2);
    await sleep(1000); // a secret is refreshed by hand once a second
    await scene.secrets.refresh('database');
    assert.deepEqual([scene.health().region, scene.secrets.getDatabaseConfig().username], [PRIMARY, 'app-2']);
    await finish(scene, proxy, ['v1', 'v2']);
  });

  test('a primary that denies is not worked around', async (t) => {
    const { proxy, scene } = await both(t, 'denied');
    proxy.fault = inRegion(PRIMARY, FAULTS.answer(400, { __type: 'AccessDeniedException' }));
    await scene.more('failed');
    await scene.stale('SECRETS_ACCESS_DENIED');
    assert.ok(proxy.requests.every(({ region }) => region === PRIMARY));
    proxy.fault = FAULTS.none;
    await scene.more('recovered');
    await scene.end(['v1']);
  });

  test('a replica that is behind gives no older version back', async (t) => {
    const { primary, proxy, scene } = await both(t, 'behind');
    await sleep(1100); // the emulator's dates are of whole seconds
    await rotate(primary, 'behind', 2);
    await scene.more('rotated');
    proxy.fault = inRegion(PRIMARY, FAULTS.answer(503, ''));
    await scene.more('failed');
    await scene.stale('SECRETS_UNAVAILABLE');
    assert.match(scene.events.find(({ type }) => type === 'failed').message, /us-west-2 still has an older version/);
    await rotate(replica, 'behind', 2);
    await scene.more('recovered');
    assert.equal(scene.health().region, REPLICA);
    proxy.fault = FAULTS.none;
    await answersFrom(scene, PRIMARY);
    await scene.end(['v1', 'v2']);
  });

  test('both regions are lost, and one comes back', async (t) => {
    const { proxy, scene } = await both(t, 'both');
    await proxy.refuse();
    await scene.more('failed');
    await scene.stale('SECRETS_UNAVAILABLE');
    proxy.fault = inRegion(PRIMARY, FAULTS.answer(500, ''));
    await proxy.accept();
    await scene.more('recovered');
    assert.equal(scene.health().region, REPLICA);
    await scene.end(['v1']);
  });
});

async function both(t, environment, options) {
  const primary = await startMoto();
  t.after(() => primary.stop());
  await Promise.all([primary, replica].map((server) => createDatabase(server, environment)));
  const proxy = await startProxy({ [PRIMARY]: primary.url, [REPLICA]: replica.url });
  t.after(() => proxy.stop());
  const scene = await open(t, environment, `${proxy.url}/{region}`, { regions: REGIONS, ...options });
  assert.equal(scene.health().region, PRIMARY);
  return { primary, proxy, scene };
}

async function answersFrom({ health }, region) {
  await until(`an answer from ${region}`, () => health().region === region);
}

/** The readers and the engineer noticed nothing: no fetch failed as a whole. */
async function finish(scene, proxy, expected) {
  const { answered, failed } = await scene.end(expected);
  assert.ok(scene.events.every(({ type }) => !['failed', 'recovered', 'stale'].includes(type)));
  const asked = (region) => proxy.requests.filter((request) => request.region === region).length;
  assert.equal(asked(REPLICA), failed, 'the replica is asked once for each call that the primary lost');
  assert.ok(asked(PRIMARY) >= answered, 'the primary is asked first each time');
}

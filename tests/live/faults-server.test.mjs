// The server dies, hangs, refuses, dribbles, or hangs up: readers notice nothing, the engineer is told.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isolateAws, startMoto } from './moto.mjs';
import { FAULTS, startProxy } from './proxy.mjs';
import { createDatabase, open } from './scene.mjs';

let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
});

after(() => moto.stop());

describe('a server that fails', { concurrency: 3 }, () => {
  test('a server that is killed and started again', async (t) => {
    let server = await startMoto();
    t.after(() => server.stop());
    await createDatabase(server, 'killed');
    const scene = await open(t, 'killed', server.url);
    await server.kill();
    await scene.more('failed');
    scene.assertStale('SECRETS_UNAVAILABLE');
    server = await startMoto(server.port);
    await createDatabase(server, 'killed', 2);
    await scene.more('recovered');
    await scene.healthy();
    await scene.end(['v1', 'v2']);
  });

  test('a server that is stopped, so that connections hang', async (t) => {
    const server = await startMoto();
    t.after(() => server.stop());
    await createDatabase(server, 'stopped');
    const scene = await open(t, 'stopped', server.url);
    server.pause();
    await scene.more('failed');
    scene.assertStale('SECRETS_TIMEOUT');
    server.resume();
    await scene.more('recovered');
    await scene.healthy();
    await scene.end(['v1']);
  });

  test('a port that refuses connections', async (t) => {
    const { proxy, scene } = await through(t, 'refused');
    await proxy.refuse();
    await scene.more('failed', 2);
    scene.assertStale('SECRETS_UNAVAILABLE');
    await proxy.accept();
    await finish(scene, proxy);
  });

  for (const [name, fault, code] of [
    ['half', FAULTS.half, 'SECRETS_UNAVAILABLE'],
    ['hanging', FAULTS.hang, 'SECRETS_TIMEOUT'],
    ['slow', FAULTS.slow, 'SECRETS_TIMEOUT'],
  ]) {
    test(`${name} answers`, async (t) => {
      const { proxy, scene } = await through(t, name);
      proxy.fault = fault;
      await scene.more('failed');
      scene.assertStale(code);
      proxy.fault = FAULTS.none;
      await finish(scene, proxy);
    });
  }
});

async function through(t, environment) {
  await createDatabase(moto, environment);
  const proxy = await startProxy(moto.url);
  t.after(() => proxy.stop());
  return { proxy, scene: await open(t, environment, proxy.url) };
}

async function finish(scene, proxy) {
  await scene.more('recovered');
  await scene.healthy();
  const { calls } = await scene.end(['v1']);
  assert.ok(proxy.requests.length <= 2 * calls, `${proxy.requests.length} requests for ${calls} calls`);
}

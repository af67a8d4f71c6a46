// The server dies, hangs, refuses, dribbles, or hangs up: readers notice nothing, events and health report it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isolateAws, startMoto } from '../../servers/servers.mjs';
import { FAULTS, startProxy } from '../../servers/proxy.mjs';
import { createDatabase, open } from '../../support/scene.mjs';

let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
});

after(() => moto.stop());

describe('a server that fails', { concurrency: 2 }, () => {
  test('a server that is killed and started again', async (t) => {
    let server = await startMoto();
    t.after(() => server.stop());
    await createDatabase(server, 'killed');
    const scene = await open(t, 'killed', server.url);
    await server.kill();
    await scene.more('failed');
    await scene.stale('SECRETS_UNAVAILABLE');
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
    const scene = await open(t, 'stopped', server.url, { timeout: 10 });
    server.pause();
    await scene.more('failed');
    await scene.stale('SECRETS_TIMEOUT');
    server.resume();
    await scene.more('recovered');
    await scene.healthy();
    await scene.end(['v1']);
  });

  test('a port that refuses connections', async (t) => {
    const { proxy, scene } = await through(t, 'refused');
    await proxy.refuse();
    await scene.more('failed', 2);
    await scene.stale('SECRETS_UNAVAILABLE');
    await proxy.accept();
    await finish(scene, proxy);
  });

  for (const [name, fault, code] of [
    ['half', FAULTS.half, 'SECRETS_UNAVAILABLE'],
    ['hanging', FAULTS.hang, 'SECRETS_TIMEOUT'],
    ['slow', FAULTS.slow, 'SECRETS_TIMEOUT'],
  ]) {
    test(`${name} answers`, async (t) => {
      const { proxy, scene } = await through(t, name, fault === FAULTS.half ? {} : { timeout: 10 });
      proxy.fault = fault;
      await scene.more('failed');
      await scene.stale(code);
      proxy.fault = FAULTS.none;
      await finish(scene, proxy);
    });
  }
});

async function through(t, environment, options) {
  await createDatabase(moto, environment);
  const proxy = await startProxy(moto.url);
  t.after(() => proxy.stop());
  return { proxy, scene: await open(t, environment, proxy.url, options) };
}

async function finish(scene, proxy) {
  await scene.more('recovered');
  await scene.healthy();
  const { answered, failed } = await scene.end(['v1']);
  // The SDK sends a call once more; one that begins in the fault may be answered then.
  assert.ok(proxy.requests.length <= answered + 2 * failed + 1, `${proxy.requests.length} requests`);
}

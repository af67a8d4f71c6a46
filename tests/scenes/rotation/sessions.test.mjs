// Sessions signed before a rotation and a restart still verify, in a real Express with express-session.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import express from 'express';
import session from 'express-session';
import { Secrets } from '@permisos/secrets';
import { SEVEN, isolateAws, startMoto } from '../../servers/servers.mjs';

const NAME = 'permisos/sessions/security/session';

let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
});

after(() => moto.stop());

test('no session ends with a rotation, nor with a restart after it', async (t) => {
  const first = SEVEN['security/session'];
  const second = { ...first, sessionSecret: 'canary-second-session-secret-of-forty-1' };
  await moto.create(NAME, first);
  // As Redis would, the store outlives the process.
  const store = new session.MemoryStore();
  let site = await open(t, store);
  const old = await site.visit();
  assert.equal((await site.visit(old.cookie)).visits, 2);

  await moto.put(NAME, second);
  await site.secrets.refresh('security');
  assert.equal((await site.visit(old.cookie)).visits, 3, 'after the rotation');
  const young = await site.visit();
  assert.equal((await site.visit(young.cookie)).visits, 2, 'of after the rotation');

  await site.close();
  site = await open(t, store);
  assert.deepEqual([...site.secrets.getSecurityConfig().sessionSecrets], [second.sessionSecret, first.sessionSecret]);
  assert.equal((await site.visit(old.cookie)).visits, 4, 'after the restart');
  assert.equal((await site.visit(young.cookie)).visits, 3);

  await site.close();
  site = await open(t, store, { previousFor: 0 });
  assert.equal((await site.visit(old.cookie)).visits, 1, 'a session of keys that are no longer honoured starts over');
  assert.equal((await site.visit(young.cookie)).visits, 4);
});

test('as long as the secrets stay the same there is one middleware, and a rotation brings a second one', async (t) => {
  const name = 'permisos/middleware/security/session';
  const first = SEVEN['security/session'];
  await moto.create(name, first);
  const store = new session.MemoryStore();
  // A middleware listens once: a second one would be warned of.
  store.setMaxListeners(1);
  const warnings = [];
  const warn = ({ name: warning }) => warnings.push(warning);
  process.on('warning', warn);
  t.after(() => process.off('warning', warn));
  const site = await open(t, store, { environment: 'middleware', ttl: 1 });
  const fetches = () => sum(site.secrets.metrics(), 'permisos_secrets_fetches_total');
  const { sessionSecrets } = site.secrets.getSecurityConfig();
  const { cookie } = await site.visit();
  const before = fetches();
  for (let visits = 2; fetches() < before + 4; visits++) {
    assert.equal((await site.visit(cookie)).visits, visits);
    await delay(100);
  }
  for (let times = 0; times < 3; times++) {
    await delay(1100);
    await site.secrets.refresh('security');
    await site.visit(cookie);
  }
  assert.equal(site.secrets.getSecurityConfig().sessionSecrets, sessionSecrets, 'the same array');
  assert.deepEqual([store.listenerCount('disconnect'), warnings], [1, []]);

  store.setMaxListeners(2);
  await moto.put(name, { ...first, sessionSecret: 'canary-second-session-secret-of-forty-2' });
  await delay(1100);
  await site.secrets.refresh('security');
  await site.visit(cookie);
  const config = site.secrets.getSecurityConfig();
  assert.notEqual(config.sessionSecrets, sessionSecrets);
  assert.equal(config.sessionSecrets.length, 2);

  // What did not change stays the same object beside what did.
  const { jwtSecrets } = config;
  await moto.put(name, { ...first, sessionSecret: 'canary-third-session-secret-of-forty-33' });
  await delay(1100);
  await site.secrets.refresh('security');
  assert.notEqual(site.secrets.getSecurityConfig(), config);
  assert.equal(site.secrets.getSecurityConfig().jwtSecrets, jwtSecrets);
  await site.close();
  assert.deepEqual([store.listenerCount('disconnect'), warnings], [2, []]);
});

test('in an outage, stale or not, it stays one middleware', async (t) => {
  const server = await startMoto();
  await server.create('permisos/outage/security/session', SEVEN['security/session']);
  const store = new session.MemoryStore();
  const site = await open(t, store, { environment: 'outage', ttl: 1, endpointUrl: server.url });
  const { cookie } = await site.visit();
  const config = site.secrets.getSecurityConfig();
  server.stop();
  while (site.secrets.read('security').freshness !== 'stale') await delay(100);
  await site.visit(cookie);
  assert.equal(site.secrets.getSecurityConfig(), config);
  assert.equal(store.listenerCount('disconnect'), 1);
});

function sum(samples, wanted) {
  return samples.filter(({ metric }) => metric === wanted).reduce((total, { value }) => total + value, 0);
}

/** A site that counts a session's visits: its secrets and its server as after the start of a process. */
async function open(t, store, options = {}) {
  const secrets = await Secrets.open({
    environment: 'sessions',
    source: 'aws',
    services: ['security'],
    endpointUrl: moto.url,
    env: {},
    ...options,
  });
  let middleware;
  let keys;
  const app = express();
  app.use((request, response, next) => {
    const { sessionSecrets } = secrets.getSecurityConfig();
    if (sessionSecrets !== keys) {
      keys = sessionSecrets;
      middleware = session({ secret: keys, store, resave: false, saveUninitialized: true });
    }
    middleware(request, response, next);
  });
  app.get('/', ({ session }, response) => {
    session.visits = (session.visits ?? 0) + 1;
    response.json({ visits: session.visits });
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    secrets.close();
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  t.after(close);
  return {
    secrets,
    close,
    async visit(cookie) {
      const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: cookie ? { cookie } : {} });
      const [set] = response.headers.getSetCookie();
      return { ...(await response.json()), cookie: set?.split(';')[0] };
    },
  };
}

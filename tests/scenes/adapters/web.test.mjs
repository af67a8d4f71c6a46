// express-session and Stripe through rotations, with the real libraries over HTTP and HTTPS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agent, createServer as createSecure } from 'node:https';
import { after, before, test } from 'node:test';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import Stripe from 'stripe';
import { closeSecrets, getSecurityConfig, getStripeConfig, initializeSecrets } from '@permisos/secrets';
import { createRedis } from '@permisos/secrets/ioredis';
import { sessionSecrets } from '@permisos/secrets/express-session';
import { constructEvent, createStripe } from '@permisos/secrets/stripe';
import { SEVEN, isolateAws, makeCertificates, startMoto, startRedis } from '../../servers/servers.mjs';
import { until } from '../../support/scene.mjs';
import { keepBusy } from '../../support/work.mjs';

let moto;
let redis;

before(async () => {
  isolateAws();
  [moto, redis] = await Promise.all([startMoto(), startRedis('app', 'canary-redis-8Wx5')]);
});

after(() => Promise.all([moto?.stop(), redis?.stop()]));

const NAMES = { redis: 'redis/credentials', security: 'security/session', stripe: 'stripe/api-keys' };

/** The application's secrets of an environment, and how to store the next value of one. */
async function initialize(t, environment, values, options) {
  const name = (service) => `permisos/${environment}/${NAMES[service]}`;
  for (const [service, value] of Object.entries(values)) await moto.create(name(service), value);
  const services = Object.keys(values);
  await initializeSecrets({ environment, source: 'aws', services, endpointUrl: moto.url, env: {}, ttl: 1, ...options });
  t.after(closeSecrets);
  return (service, value) => moto.put(name(service), value);
}

async function listen(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return server.address().port;
}

test('express-session: the middleware is made once, and no session ends with a rotation', async (t) => {
  const security = SEVEN['security/session'];
  const stored = { host: '127.0.0.1', port: redis.port, username: 'app', password: 'canary-redis-8Wx5', tls: { ca: redis.authority } };
  const put = await initialize(t, 'sessions', { redis: stored, security });
  const client = createRedis();
  t.after(() => client.disconnect());
  // connect-redis 8 and later asks for node-redis's form of SET.
  const store = new RedisStore({
    client: {
      get: (key) => client.get(key),
      set: (key, value, { expiration }) => client.set(key, value, 'EX', expiration.value),
      expire: (key, ttl) => client.expire(key, ttl),
      del: (keys) => client.del(...[keys].flat()),
    },
  });
  const app = express();
  app.use(session({ secret: sessionSecrets(), store, resave: false, saveUninitialized: true }));
  app.get('/', ({ session }, response) => {
    session.visits = (session.visits ?? 0) + 1;
    response.json({ visits: session.visits });
  });
  const port = await listen(t, createServer(app));
  const visit = async (cookie) => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: cookie ? { cookie } : {} });
    const [set] = response.headers.getSetCookie();
    return { ...(await response.json()), cookie: set?.split(';')[0] ?? cookie };
  };
  const old = await visit();
  let visits = 1;
  const load = keepBusy(
    t,
    async () => {
      const answer = await visit(old.cookie);
      assert.equal(answer.cookie, old.cookie, 'the session is another');
      assert.ok(answer.visits > visits++);
    },
    1,
  );
  await load.more();
  const sessionSecret = 'canary-second-session-secret-of-forty-1';
  await put('security', { ...security, sessionSecret });
  await until('the rotation', () => getSecurityConfig().sessionSecret === sessionSecret);
  await load.more();
  await load.end();

  const young = await visit();
  const [signed] = sessionSecrets();
  assert.equal(signed, sessionSecret);
  assert.equal((await visit(young.cookie)).visits, 2);
  assert.equal(JSON.stringify(sessionSecrets()).includes('canary'), false);
});

test('Stripe: each request has the current key, and webhooks verify with each secret that is honoured', async (t) => {
  const stripe = SEVEN['stripe/api-keys'];
  const next = { ...stripe, privateKey: 'sk_test_canaryNext', webhookSecret: 'whsec_canaryNext' };
  const put = await initialize(t, 'stripe', { stripe });
  const { authority, good } = await makeCertificates('localhost');
  const valid = new Set([stripe.privateKey]);
  const seen = new Set();
  const server = createSecure(good, (request, response) => {
    const key = request.headers.authorization.replace('Bearer ', '');
    seen.add(key);
    response.writeHead(valid.has(key) ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(valid.has(key) ? { object: 'balance' } : { error: { type: 'invalid_request_error' } }));
  });
  const port = await listen(t, server);
  const httpAgent = new Agent({ ca: authority, keepAlive: true });
  t.after(() => httpAgent.destroy());
  const client = createStripe({ host: '127.0.0.1', port, httpAgent, maxNetworkRetries: 0 });
  assert.ok(client instanceof Stripe, "the application's copy of the library");
  const payload = JSON.stringify({ id: 'evt_1', object: 'event', type: 'charge.succeeded' });
  const signed = (secret) => Stripe.webhooks.generateTestHeaderString({ payload, secret });
  assert.equal(constructEvent(payload, signed(stripe.webhookSecret)).id, 'evt_1');

  const load = keepBusy(t, () => client.balance.retrieve(), 4);
  await load.more();
  // A key that is rolled in Stripe's dashboard stays valid for a while.
  valid.add(next.privateKey);
  await put('stripe', next);
  await until('the rotation', () => getStripeConfig().privateKey === next.privateKey && seen.has(next.privateKey));
  await load.more();
  await load.end();
  valid.delete(stripe.privateKey);
  const later = keepBusy(t, () => client.balance.retrieve(), 4);
  await later.more();
  await later.end();

  for (const secret of [next.webhookSecret, stripe.webhookSecret]) {
    assert.equal(constructEvent(Buffer.from(payload), signed(secret)).id, 'evt_1');
  }
  for (const header of [signed('whsec_other'), undefined, '']) {
    assert.throws(() => constructEvent(payload, header), { type: 'StripeSignatureVerificationError' });
  }
});

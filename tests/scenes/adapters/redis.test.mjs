// ioredis, Bull and node-redis through rotations, against a real Redis with TLS and access control lists.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import Bull from 'bull';
import { Redis } from 'ioredis';
import { createClient as createNodeRedis } from 'redis';
import { Secrets, closeSecrets, initializeSecrets } from '@permisos/secrets';
import { createClient, createRedis } from '@permisos/secrets/ioredis';
import { clientOptions } from '@permisos/secrets/redis';
import { isolateAws, startMoto, startRedis } from '../../servers/servers.mjs';
import { until } from '../../support/scene.mjs';
import { keepBusy } from '../../support/work.mjs';

const ADMIN = { username: 'admin', password: 'canary-admin-5Kd2' };
let moto;
let server;
let admin;

before(async () => {
  isolateAws();
  [moto, server] = await Promise.all([startMoto(), startRedis(ADMIN.username, ADMIN.password)]);
  admin = new Redis({ host: '127.0.0.1', port: server.port, ...ADMIN, tls: { ca: server.authority } });
});

after(async () => {
  admin?.disconnect();
  await Promise.all([moto?.stop(), server?.stop()]);
});

const password = (n) => `canary-password-${n}`;
const stored = (username, n) =>
  ({ host: '127.0.0.1', port: server.port, username, password: password(n), tls: { ca: server.authority } });
const grant = (user, ...rules) => admin.call('ACL', 'SETUSER', user, 'on', '~*', '&*', '+@all', ...rules);
const options = (environment) =>
  ({ environment, source: 'aws', services: ['redis'], endpointUrl: moto.url, env: {}, ttl: 1 });

async function store(environment, user) {
  const name = `permisos/${environment}/redis/credentials`;
  await grant(user, `>${password(1)}`);
  await moto.create(name, stored(user, 1));
  return (user, n) => moto.put(name, stored(user, n));
}

/** The users of all connections but the administrator's. */
async function users() {
  const list = await admin.client('LIST');
  return [...list.matchAll(/ user=(\S+)/g)].map(([, user]) => user).filter((user) => user !== ADMIN.username);
}

/** The package beside the next major version of ioredis: Bull needs the one that stands here. */
function besideIoredis6() {
  const installed = (name) => path.join(path.dirname(fileURLToPath(import.meta.url)), '../node_modules', name);
  const folder = mkdtempSync(path.join(tmpdir(), 'ioredis6-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const modules = path.join(folder, 'node_modules');
  cpSync(installed('@permisos/secrets'), path.join(modules, '@permisos/secrets'), { recursive: true, dereference: true });
  symlinkSync(realpathSync(installed('ioredis6')), path.join(modules, 'ioredis'));
  return createRequire(path.join(folder, 'application.js'))('@permisos/secrets/ioredis');
}

const ioredis = (createRedis) => async (secrets) => {
  const client = createRedis({ keyPrefix: 'app:' }, secrets);
  const second = client.duplicate();
  return {
    work: () => Promise.all([client.incr('n'), second.incr('n')]),
    errors: (listener) => [client, second].forEach((one) => one.on('error', listener)),
    end: () => [client, second].forEach((one) => one.disconnect()),
  };
};

const { createRedis: createRedis6 } = besideIoredis6();

/** One client of each library, its work, and how it ends. */
const CLIENTS = {
  ioredis: ioredis(createRedis),
  ioredis6: ioredis(createRedis6),
  async 'node-redis'(secrets) {
    const client = createNodeRedis(clientOptions({ name: 'app' }, secrets));
    const errors = [];
    client.on('error', (error) => errors.forEach((listener) => listener(error)));
    await client.connect();
    const second = await client.duplicate().on('error', () => {}).connect();
    return {
      work: () => Promise.all([client.incr('n'), second.incr('n')]),
      errors: (listener) => errors.push(listener),
      end: () => [client, second].forEach((one) => one.destroy()),
    };
  },
};

/** Secrets, and a client that logs in with them; both end with the test. */
async function opened(t, make, options) {
  const secrets = await Secrets.open(options);
  t.after(() => secrets.close());
  const client = await make(secrets);
  t.after(() => client.end());
  return { secrets, client };
}

/** One login of each library; `see` gets its errors. */
const ioredisLogin = (createRedis) => async (secrets, see) => {
  const client = createRedis({ retryStrategy: () => null }, secrets).on('error', see);
  await client.ping().catch(see);
  client.disconnect();
};
const LOGINS = {
  ioredis: ioredisLogin(createRedis),
  ioredis6: ioredisLogin(createRedis6),
  async 'node-redis'(secrets, see) {
    const client = createNodeRedis(clientOptions({ socket: { reconnectStrategy: () => false } }, secrets));
    await client.on('error', see).connect().catch(see);
  },
};

for (const [library, logIn] of Object.entries(LOGINS)) {
  test(`${library}: ` + 'a server that does not know the login repeats it, and no error shows it', async (t) => {
    const strange = await startRedis('app', password(1), { knowsLogin: false });
    t.after(() => strange.stop());
    const env = { REDIS_URL: `redis://app:${password(1)}@127.0.0.1:${strange.plain}` };
    const secrets = await Secrets.open({ environment: 'development', source: 'environment', services: ['redis'], env });
    t.after(() => secrets.close());
    const seen = [];
    await logIn(secrets, (error) => seen.push(error));
    assert.match(seen[0].message, /unknown command/i);
    for (const error of seen) assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /canary/);
  });
}

for (const [library, make] of Object.entries(CLIENTS)) {
  test(`${library}: ` + 'alternating users: what is connected logs in again, and the old user can be removed', async (t) => {
    const environment = `${library}-users`;
    const put = await store(environment, 'even');
    await grant('odd', `>${password(2)}`);
    const { secrets, client } = await opened(t, make, options(environment));
    const load = keepBusy(t, client.work);
    await load.more();
    assert.deepEqual([...new Set(await users())], ['even']);
    const ids = await admin.client('LIST', 'TYPE', 'normal');

    await put('odd', 2);
    await until('the move', async () => !(await users()).includes('even'));
    await load.more();
    // Redis closes the connections of a user that it removes.
    assert.equal(await admin.call('ACL', 'DELUSER', 'even'), 1);
    await load.more();
    await load.end();
    const same = (list) => [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id).sort();
    assert.deepEqual(same(await admin.client('LIST', 'TYPE', 'normal')), same(ids), 'the connections are the same');
    await admin.call('ACL', 'DELUSER', 'odd');
  });

  test(`${library}: ` + 'a single user of two passwords, as ElastiCache rotates them: no command fails', async (t) => {
    const environment = `${library}-single`;
    const put = await store(environment, 'app');
    const { secrets, client } = await opened(t, make, options(environment));
    const load = keepBusy(t, client.work);
    await load.more();
    await grant('app', `>${password(2)}`);
    await put('app', 2);
    await until('the new password', () => secrets.getRedisConfig().password === password(2));
    await grant('app', `<${password(1)}`);
    await load.more();
    await load.end();
    await admin.client('KILL', 'USER', 'app');
    const later = keepBusy(t, client.work);
    await later.more();
    await later.end();
    await admin.call('ACL', 'DELUSER', 'app');
  });

  test(`${library}: ` + 'a login that is refused fetches the secret, and no error shows a password', async (t) => {
    const environment = `${library}-refused`;
    const put = await store(environment, 'app');
    const { secrets, client } = await opened(t, make, { ...options(environment), ttl: 3600 });
    await client.work();
    const seen = [];
    client.errors((error) => seen.push(error));
    await put('app', 2);
    await grant('app', 'resetpass', `>${password(2)}`);
    await admin.client('KILL', 'USER', 'app');
    await until('a login', () => client.work().then(() => true, (error) => seen.push(error) < 0));
    assert.ok(seen.some(({ message }) => message.includes('WRONGPASS')), 'no login was refused');
    for (const error of seen) assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /canary/);
    await admin.call('ACL', 'DELUSER', 'app');
  });
}

test('Bull: the three connections of a queue follow, no job is lost, and they end with the queue', async (t) => {
  const put = await store('bull', 'even');
  await grant('odd', `>${password(2)}`);
  await initializeSecrets(options('bull'));
  t.after(closeSecrets);
  const queue = new Bull('mail', { createClient, settings: { drainDelay: 1 } });
  const done = new Set();
  queue.process(4, async ({ data }) => {
    done.add(data.n);
  });
  let n = 0;
  const load = keepBusy(t, () => queue.add({ n: ++n }, { removeOnComplete: true }), 3);
  await load.more();
  await until('its connections', async () => (await users()).length >= 3);

  await put('odd', 2);
  await until('the move', async () => (await users()).filter((user) => user === 'odd').length >= 2);
  await load.more();
  await admin.call('ACL', 'DELUSER', 'even');
  await until('the subscriber', async () => (await users()).filter((user) => user === 'odd').length >= 3);
  await load.more();
  await load.end();
  await until('every job', () => done.size === n);
  await queue.close();
  await until('their end', async () => (await users()).length === 0);
});

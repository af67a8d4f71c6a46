// `node --import @permisos/secrets/register`: everything is loaded before the application's first line, under the programs
// that start applications: Node, PM2, Jest, Vitest. The applications are files of a folder of their own, with a permisos.json.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SEVEN, createSeven, startMoto } from '../../servers/servers.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const BIN = join(HERE, '../node_modules/.bin');
const REGISTER = ['--import', '@permisos/secrets/register'];
/** Prints what an application sees in its first lines, and no value. */
const SEES = `
  const { password } = getDatabaseConfig();
  console.log(getRedisConfig().host, process.env.DB_HOST, process.env.DB_PASSWORD === password);
`;
const SEEN = 'cache.internal database.internal true\n';

let moto;
let server;
/** Calls since the application was written. */
let calls = 0;
/** The calls of one load: one for everything, and one for what security held before its last rotation. */
const ONE_LOAD = 2;
let count = 0;

before(async () => {
  moto = await startMoto();
  await createSeven(moto);
  // Counts the calls on their way.
  server = createServer((incoming, outgoing) => {
    calls++;
    const { method, headers } = incoming;
    incoming.pipe(request(moto.url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

after(async () => {
  server.close();
  server.closeAllConnections();
  await moto.stop();
});

/** A folder with an application's files and its permisos.json. */
async function application(t, files, options = {}) {
  const folder = join(HERE, `application-${++count}`);
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(folder);
  const endpointUrl = `http://127.0.0.1:${server.address().port}`;
  const all = { $schema: 'permisos.json', environment: 'staging', source: 'aws', endpointUrl, region: 'us-east-1', ...options };
  for (const [name, text] of Object.entries({ 'permisos.json': JSON.stringify(all), ...files })) {
    await writeFile(join(folder, name), text);
  }
  calls = 0;
  return folder;
}

/** An environment in which AWS is what the test says. */
const environment = (more) => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  AWS_ACCESS_KEY_ID: 'testing',
  AWS_SECRET_ACCESS_KEY: 'testing',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  ...more,
});

/** Runs a program to its end; it ends by itself or the test fails. */
async function run(folder, args, { env, program = process.execPath } = {}) {
  const options = { cwd: folder, env: environment(env), timeout: 60_000 };
  const { code = 0, stdout, stderr } = await promisify(execFile)(program, args, options).catch((error) => error);
  assert.doesNotMatch(stdout + stderr, /canary/i, 'no value is shown');
  return { code, stdout, stderr };
}

test('getters answer at the top level of every module, and the process ends by itself', async (t) => {
  const folder = await application(t, {
    'first.cjs': `const { getDatabaseConfig, getRedisConfig } = require('@permisos/secrets');${SEES}`,
    'first.mjs': `import { getDatabaseConfig, getRedisConfig } from '@permisos/secrets';${SEES}`,
    'itself.cjs': `require('@permisos/secrets/register'); require('./first.cjs');`,
    'itself.mjs': `import '@permisos/secrets/register'; import './first.mjs';`,
  });
  for (const args of [[...REGISTER, 'first.cjs'], [...REGISTER, 'first.mjs'], ['itself.cjs'], ['itself.mjs'],
    ['--require', '@permisos/secrets/register', 'first.mjs']]) {
    calls = 0;
    assert.deepEqual(await run(folder, args), { code: 0, stdout: SEEN, stderr: '' });
    assert.equal(calls, ONE_LOAD);
  }
});

test('initializeSecrets joins what register loaded, and refuses other options', async (t) => {
  const folder = await application(t, {
    'join.mjs': `
      import { closeSecrets, getRedisConfig, initializeSecrets } from '@permisos/secrets';
      const [one, two] = [await initializeSecrets(), await initializeSecrets({})];
      console.log(one === two, await initializeSecrets({ ttl: 5 }).catch(({ code }) => code));
      await closeSecrets();
      try { getRedisConfig() } catch ({ code }) { console.log(code) }
    `,
  });
  const { stdout } = await run(folder, [...REGISTER, 'join.mjs']);
  assert.equal(stdout, 'true SECRETS_CONFIG_INVALID\nSECRETS_NOT_READY\n');
  assert.equal(calls, ONE_LOAD);
});

test('a refused secret ends the start with its error and exit code, and nothing of the application runs', async (t) => {
  const folder = await application(t, { 'started.cjs': `console.log('started')` }, { secretIds: { redis: 'bad' } });
  await moto.create('bad', { host: 'cache', port: 'canary' });
  for (const args of [REGISTER, ['--require', '@permisos/secrets/register']]) {
    const { code, stdout, stderr } = await run(folder, [...args, 'started.cjs']);
    assert.deepEqual([code, stdout], [65, '']);
    assert.match(stderr, /^permisos-secrets: .*redis.*\n {2}\/port: /);
  }
  const file = join(folder, 'permisos.json');
  await writeFile(file, '{ "regoin": "us-east-1" }');
  let { code, stderr } = await run(folder, [...REGISTER, 'started.cjs']);
  assert.equal(code, 78);
  assert.ok(stderr.includes(`/regoin: is not an option: did you mean \`region\`? (in ${file})`), stderr);
  await writeFile(file, '{ "services": [],\n  "canary" }');
  ({ code, stderr } = await run(folder, [...REGISTER, 'started.cjs']));
  assert.deepEqual([code, stderr], [78, `permisos-secrets: ${file}: is not well-formed JSON (line 2, column 12)\n`]);
});

/** A fingerprint of the variables of the secrets. `exec` names a file of authorities for libpq besides, which Node needs not. */
const FINGERPRINT = `
  const names = /^(DATABASE_URL|DB_|REDIS_|SESSION_|JWT_|INTERNAL_|STRIPE_|EMAIL_|GOVT_|SENTRY_)/;
  const withoutFile = (value) => value.replace(/[?&]sslrootcert=[^&]*/, '');
  const shown = Object.entries(process.env).filter(([name]) => names.test(name)).sort().map(([name, value]) => [name, withoutFile(value)]);
  console.log(shown.length, require('node:crypto').createHash('sha256').update(JSON.stringify(shown)).digest('hex'));
`;

test('process.env holds what exec hands out, unless it is switched off', async (t) => {
  const files = { 'env.cjs': FINGERPRINT };
  const env = { DB_PASSWORD: 'from long ago', EMAIL_PASS: 'from long ago' };
  const folder = await application(t, files);
  const registered = await run(folder, [...REGISTER, 'env.cjs'], { env });
  const tool = join(HERE, '../../node_modules/.bin/permisos-secrets');
  const executed = await run(folder, ['exec', '--', process.execPath, 'env.cjs'], { env, program: tool });
  assert.match(registered.stdout, /^2\d [0-9a-f]{64}\n$/);
  assert.equal(registered.stdout, executed.stdout);
  const off = await application(t, files, { processEnv: false });
  assert.match((await run(off, [...REGISTER, 'env.cjs'])).stdout, /^0 /);
});

test('where the environment answers, process.env stays as it was', async (t) => {
  const folder = await application(t, { 'env.cjs': FINGERPRINT }, { source: 'environment', services: ['database', 'redis'] });
  const env = { DATABASE_URL: 'postgres://app:canary@db/permisos?application_name=web', REDIS_HOST: 'cache', REDIS_PASSWORD: '' };
  const before = await run(folder, ['env.cjs'], { env });
  assert.deepEqual(await run(folder, [...REGISTER, 'env.cjs'], { env }), before);
});

test('a rotation reaches process.env', async (t) => {
  const folder = await application(
    t,
    {
      'rotate.mjs': `
        import { getDatabaseConfig, onSecretsEvent, refreshSecret } from '@permisos/secrets';
        const before = process.env.DB_PASSWORD;
        process.env.DB_HOST = 'set by the application';
        const rotated = new Promise((resolve) => onSecretsEvent(({ type }) => type === 'rotated' && resolve()));
        process.stdin.resume().once('data', async () => {
          await refreshSecret('database');
          await rotated;
          console.log(process.env.DB_PASSWORD !== before, process.env.DB_PASSWORD === getDatabaseConfig().password);
          console.log(process.env.DB_HOST);
          process.stdin.destroy();
        });
        console.log('started');
      `,
    },
    { services: ['database'] },
  );
  const child = spawn(process.execPath, [...REGISTER, 'rotate.mjs'], { cwd: folder, env: environment(), timeout: 60_000 });
  child.stderr.pipe(process.stderr);
  let printed = '';
  child.stdout.on('data', (data) => (printed += data));
  await once(child.stdout, 'data');
  const database = { ...SEVEN['database/credentials'], password: 'canary-after-the-rotation' };
  await moto.put('permisos/staging/database/credentials', database);
  child.stdin.write('go\n');
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.equal(printed, 'started\ntrue true\nset by the application\n');
});

test('worker threads share what is loaded, and closing it there leaves the others theirs', async (t) => {
  const folder = await application(t, {
    'main.cjs': `
      const { once } = require('node:events');
      const { Worker } = require('node:worker_threads');
      const { getDatabaseConfig, getRedisConfig } = require('@permisos/secrets');
      (async () => {
        for (const options of [{}, { execArgv: [] }]) {
          const worker = new Worker('./worker.cjs', options);
          const [code] = await once(worker, 'exit');
          if (code !== 0) throw new Error('the worker ended with ' + code);
        }
        ${SEES}
      })();
    `,
    'worker.cjs': `
      const { closeSecrets, getDatabaseConfig, getRedisConfig, initializeSecrets } = require('@permisos/secrets');
      ${SEES}
      initializeSecrets().then(closeSecrets).then(() => {
        try { getRedisConfig() } catch ({ code }) { if (code === 'SECRETS_NOT_READY') return }
        throw new Error('it is still read');
      });
    `,
  });
  assert.deepEqual(await run(folder, [...REGISTER, 'main.cjs']), { code: 0, stdout: SEEN.repeat(3), stderr: '' });
  assert.equal(calls, ONE_LOAD);
});

test('node --watch starts the application again with its secrets', async (t) => {
  const folder = await application(t, {
    'first.cjs': `const { getDatabaseConfig, getRedisConfig } = require('@permisos/secrets');${SEES}`,
  });
  const child = spawn(process.execPath, ['--watch', ...REGISTER, 'first.cjs'], { cwd: folder, env: environment() });
  t.after(() => child.kill());
  let printed = '';
  const starts = (times) => new Promise((resolve) => child.stdout.on('data', (data) => {
    printed += data;
    if (printed.split(SEEN).length > times) resolve();
  }));
  await starts(1);
  printed = '';
  const again = starts(1);
  await utimes(join(folder, 'first.cjs'), new Date(), new Date());
  await again;
});

test('under PM2 in cluster mode with wait_ready every instance starts with its secrets, and its dump holds no value', async (t) => {
  const folder = await application(t, {
    'server.cjs': `
      const { writeFileSync } = require('node:fs');
      const { getDatabaseConfig, getRedisConfig } = require('@permisos/secrets');
      const { password } = getDatabaseConfig();
      require('node:http').createServer().listen(0, '127.0.0.1', () => {
        const seen = [getRedisConfig().host, process.env.DB_HOST, process.env.DB_PASSWORD === password];
        writeFileSync('seen-' + process.env.NODE_APP_INSTANCE, seen.join(' ') + '\\n');
        process.send('ready');
      });
    `,
    'ecosystem.config.cjs': `module.exports = { apps: [{
      name: 'backend', script: 'server.cjs', exec_mode: 'cluster', instances: 2, wait_ready: true, listen_timeout: 30000,
      node_args: '--import @permisos/secrets/register',
    }] };`,
  });
  const env = { PM2_HOME: join(folder, 'pm2'), HOME: folder };
  const pm2 = (...args) => run(folder, args, { env, program: join(BIN, 'pm2') });
  // Ends PM2's daemon with this process, however that ends.
  const end = `process.stdin.resume().on('end', () => require('node:child_process').spawnSync(${JSON.stringify(join(BIN, 'pm2'))}, ['kill']))`;
  const keeper = spawn(process.execPath, ['-e', end], { cwd: folder, env: environment(env), stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    const { code, stderr } = await pm2('start', 'ecosystem.config.cjs');
    assert.equal(code, 0, stderr);
    const list = JSON.parse((await pm2('jlist')).stdout.replace(/^[^[]*/, ''));
    assert.deepEqual(list.map(({ pm2_env }) => pm2_env.status), ['online', 'online']);
    for (const instance of [0, 1]) assert.equal(await readFile(join(folder, `seen-${instance}`), 'utf8'), SEEN);
    assert.equal((await pm2('save')).code, 0);
    const dump = await readFile(join(env.PM2_HOME, 'dump.pm2'), 'utf8');
    assert.match(dump, /@permisos\/secrets\/register/);
    assert.doesNotMatch(dump, /canary|database\.internal/i);
  } finally {
    keeper.stdin.end();
    await once(keeper, 'exit');
  }
});

test('under Jest and Vitest a setup file loads the secrets, once for all test files of a process', async (t) => {
  const cases = `
    test('it is loaded', () => {
      expect(getDatabaseConfig().host).toBe('database.internal');
      expect(process.env.DB_PASSWORD === getDatabaseConfig().password).toBe(true);
    });
  `;
  const jest = `const { getDatabaseConfig } = require('@permisos/secrets');${cases}`;
  const vitest = `import { expect, test } from 'vitest';
    import { getDatabaseConfig } from '@permisos/secrets';${cases}`;
  const folder = await application(t, {
    'jest.config.json': JSON.stringify({ setupFiles: ['@permisos/secrets/register'], testMatch: ['**/*.jest.cjs'] }),
    'one.jest.cjs': jest,
    'two.jest.cjs': jest,
    'vitest.config.mjs': `export default { test: { setupFiles: ['@permisos/secrets/register'], include: ['*.vitest.mjs'] } };`,
    'one.vitest.mjs': vitest,
  });
  const { code, stderr } = await run(folder, ['--runInBand', '--config', 'jest.config.json'], { program: join(BIN, 'jest') });
  assert.equal(code, 0, stderr);
  assert.equal(calls, ONE_LOAD);
  const { code: other, stdout } = await run(folder, ['run'], { program: join(BIN, 'vitest') });
  assert.equal(other, 0, stdout);
});

// How the addon lives with Node: processes end by themselves, workers work.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect, promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Secrets } from '@permisos/secrets';
import { CANARY, assertNoLeak } from './environment.mjs';

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing', AWS_REGION: 'us-east-1' };

// The AWS SDK reads the process's environment, not that of a worker.
Object.assign(process.env, CREDENTIALS);

const SECRET = JSON.stringify({ host: 'cache', more: { deep: [{ token: CANARY }] } });

let server;
let url;

// Knows one operation: a batch, in which every secret is a Redis.
before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { SecretIdList = [] } = JSON.parse(body);
    const entry = (Name) => ({ Name, ARN: `arn:${Name}`, VersionId: 'v1', SecretString: SECRET });
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ ...entry('one'), SecretValues: SecretIdList.map(entry), Errors: [] }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => server.close());

const run = (program) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: new URL('..', import.meta.url),
    env: { PATH: process.env.PATH, ...CREDENTIALS },
    timeout: 20_000,
  });

const openAt = (url) => `Secrets.open({ source: 'aws', services: ['redis'], endpointUrl: '${url}' })`;

test('Node exits by itself after reading the environment', async () => {
  const { stdout } = await run(`
    import { initializeSecrets, getRedisConfig } from '@permisos/secrets';
    await initializeSecrets({ source: 'environment', services: ['redis'], env: { REDIS_HOST: 'cache' } });
    console.log(getRedisConfig().host);
  `);
  assert.equal(stdout, 'cache\n');
});

test('Node exits by itself after using AWS, closed or not', async () => {
  for (const end of ['', 'secrets.close();']) {
    const { stdout } = await run(`
      import { Secrets } from '@permisos/secrets';
      const secrets = await ${openAt(url)};
      console.log(secrets.getRedisConfig().host);
      await secrets.refresh('redis');
      ${end}
    `);
    assert.equal(stdout, 'cache\n');
  }
});

test('what happens is reported, and a listener that throws ends nothing', async () => {
  const { stdout, stderr } = await run(`
    import { getRedisConfig, initializeSecrets, onSecretsEvent } from '@permisos/secrets';
    onSecretsEvent(({ type, service }) => {
      console.log(type, service);
      throw new Error('a mistake of the listener');
    });
    await initializeSecrets({ source: 'aws', services: ['redis'], endpointUrl: '${url}' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(getRedisConfig().host);
  `);
  assert.equal(stdout, 'loaded redis\ncache\n');
  assert.match(stderr, /a mistake of the listener/);
});

test('a load under way keeps Node alive until it ends', async () => {
  // No server listens on port 1: the fetch fails, which takes the SDK's second attempt.
  const { stdout } = await run(`
    import { Secrets } from '@permisos/secrets';
    ${openAt('http://127.0.0.1:1')}.catch((error) => console.log(error.code, error.retryable));
  `);
  assert.equal(stdout, 'SECRETS_UNAVAILABLE true\n');
});

test('it works in worker threads, also in those that are terminated', async () => {
  const program = `
    const { parentPort } = require('node:worker_threads');
    const { Secrets } = require('@permisos/secrets');
    ${openAt(url)}.then((secrets) => {
      parentPort.postMessage(secrets.getRedisConfig().host);
      if (process.argv[2] === 'stay') setInterval(() => {}, 1000);
    });
  `;
  const file = new URL('./worker.cjs', import.meta.url);
  await writeFile(file, program);
  for (const argument of ['end', 'stay', 'end', 'stay']) {
    const worker = new Worker(file, { argv: [argument] });
    const exited = once(worker, 'exit');
    const [host] = await once(worker, 'message');
    assert.equal(host, 'cache');
    if (argument === 'stay') await worker.terminate();
    await exited;
  }
});

test('what is below an unknown field is redacted too', async () => {
  const secrets = await Secrets.open({ source: 'aws', services: ['redis'], endpointUrl: url });
  const { more } = secrets.getRedisConfig().extra;
  assert.equal(more.deep[0].token, CANARY);
  for (const part of [more, more.deep, more.deep[0]]) {
    assertNoLeak(`${inspect(part, { showHidden: true })} ${JSON.stringify([part])} ${part}`, 'a part');
    assert.equal(`${part}`, '[REDACTED]');
  }
  secrets.close();
});

test('a process may exit while a fetch is under way', async () => {
  const hanging = createServer(() => {}).listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const { stdout } = await run(`
    import { Secrets } from '@permisos/secrets';
    ${openAt(`http://127.0.0.1:${hanging.address().port}`)}.catch(() => {});
    setTimeout(() => process.exit(), 50);
    process.on('exit', () => console.log('exit'));
  `);
  assert.equal(stdout, 'exit\n');
  hanging.close();
  hanging.closeAllConnections();
});

test('without a binary the message says what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-'));
  const bundle = join(folder, 'index.cjs');
  await copyFile(createRequire(import.meta.url).resolve('@permisos/secrets'), bundle);
  const { stderr } = await promisify(execFile)(process.execPath, [bundle]).catch((error) => error);
  await rm(folder, { recursive: true });
  assert.match(stderr, /no binary for \S+: install @permisos\/secrets-/);
  assert.match(stderr, /leave @permisos\/secrets out of the bundle/);
});

test('an error that ends the process lists everything, and each violation not four times', async () => {
  const program = `
    import { initializeSecrets } from '@permisos/secrets';
    await initializeSecrets({ source: 'environment', env: {} });
  `;
  const { code, stderr } = await run(program).catch((error) => error);
  assert.equal(code, 1);
  assert.match(stderr, /^InvalidSecretError: 6 services have no usable config$/m);
  assert.match(stderr, /GOVT_USERNAME is required/);
  assert.ok(stderr.split('GOVT_USERNAME is required').length <= 3, stderr);
  // Node prints the code of the whole error, and no property of its parts.
  assert.equal(stderr.split("code: 'SECRETS_").length, 2, stderr);
});

// How the addon lives with Node: processes end by themselves, workers work.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing', AWS_REGION: 'us-east-1' };

// The AWS SDK reads the process's environment, not that of a worker.
Object.assign(process.env, CREDENTIALS);

let server;
let url;

// Knows one operation: a batch, in which every secret is a Redis.
before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { SecretIdList = [] } = JSON.parse(body);
    const entry = (Name) => ({ Name, ARN: `arn:${Name}`, VersionId: 'v1', SecretString: '{"host":"cache"}' });
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

test('what happens is told, and a listener that throws ends nothing', async () => {
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
  // Nobody listens on port 1: the fetch fails, which takes the SDK's second attempt.
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

// The guide's pages on where an application runs: what they show is started as it stands.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createSeven, startMoto } from '../../servers/servers.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../..');
let moto;
/** The credentials of a container. */
let credentials;

before(async () => {
  moto = await startMoto();
  await createSeven(moto, 'production');
  const keys = { AccessKeyId: 'testing', SecretAccessKey: 'testing', Token: 'testing', Expiration: '2099-01-01T00:00:00Z' };
  credentials = createServer((_, response) => response.end(JSON.stringify(keys))).listen(0, '127.0.0.1');
  await once(credentials, 'listening');
});

after(async () => {
  credentials.close();
  credentials.closeAllConnections();
  await moto.stop();
});

/** The first block of code in this language of a page. */
async function block(page, language) {
  const text = await readFile(join(ROOT, 'docs/guide', page), 'utf8');
  return new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(text)[1];
}

async function folder(t, files) {
  const path = join(HERE, `page-${process.pid}-${t.name.length}`);
  t.after(() => rm(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return path;
}

/** Runs a program to its end, where AWS is what the test says. */
async function run(cwd, [program, ...args], variables) {
  const files = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' };
  const env = { PATH: process.env.PATH, AWS_ENDPOINT_URL: moto.url, ...files, ...variables };
  const { stdout } = await promisify(execFile)(program, args, { cwd, env, timeout: 60_000 });
  assert.doesNotMatch(stdout, /canary/);
  return stdout.trim();
}

test('ECS: the task of the page starts with the credentials of its role, and its health check passes', async (t) => {
  const [{ command, environment, healthCheck }] = JSON.parse(await block('ecs.md', 'json')).containerDefinitions;
  const path = await folder(t, { 'src/server.js': `console.log(require('@permisos/secrets').getDatabaseConfig().host)`, 'package.json': '{}' });
  const variables = Object.fromEntries(environment.map(({ name, value }) => [name, value]));
  const role = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${credentials.address().port}/` };
  assert.equal(await run(path, command, { ...variables, ...role }), 'database.internal');
  let status = 200;
  const server = createServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const check = ['sh', '-c', healthCheck.command[1].replace(':3000', `:${server.address().port}`)];
  assert.equal(healthCheck.command[0], 'CMD-SHELL');
  await run(path, check);
  status = 503;
  await assert.rejects(run(path, check), { code: 1 });
});

test('Lambda: the function of the page reads its secret, and one that reads process.env needs no change', async (t) => {
  const path = await folder(t, {
    'index.mjs': await block('lambda.md', 'js'),
    'run.mjs': `import { handler } from './index.mjs'; console.log((await handler()).host);`,
    'before.cjs': `console.log(process.env.DB_HOST)`,
  });
  // What Lambda itself sets.
  const lambda = { NODE_ENV: 'production', AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing', AWS_SESSION_TOKEN: 'testing' };
  assert.equal(await run(path, ['node', 'run.mjs'], lambda), 'database.internal');
  const page = await readFile(join(ROOT, 'docs/guide/lambda.md'), 'utf8');
  const [, options] = /`NODE_OPTIONS` to `([^`]+)`/.exec(page);
  assert.equal(await run(path, ['node', 'before.cjs'], { ...lambda, NODE_OPTIONS: options }), 'database.internal');
});

test('PM2: the file of the page is that of the example, which runs', async (t) => {
  const path = await folder(t, { 'ecosystem.config.cjs': await block('pm2.md', 'js') });
  const require = createRequire(import.meta.url);
  const [shown] = require(join(path, 'ecosystem.config.cjs')).apps;
  const [run] = require(join(ROOT, 'backend/ecosystem.config.js')).apps;
  assert.deepEqual({ ...shown, name: run.name }, run);
});

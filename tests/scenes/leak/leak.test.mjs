// A canary through a process that uses the installed package: what other processes and the disk get to see of it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { CANARY, assertNoLeak } from '../../test/environment.mjs';
import { makeIdentity } from '../../support/identity.mjs';
import { isolateAws } from '../../servers/servers.mjs';

async function files(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

const PROGRAM = `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  import { Secrets } from '@permisos/secrets';
  const [endpointUrl, path, identityFile] = process.argv.slice(1);
  const secrets = await Secrets.open({
    environment: 'test', source: 'aws', services: ['redis', 'stripe'], endpointUrl, snapshot: { path, identityFile },
  });
  secrets.on('event', (event) => console.log(JSON.stringify(event)));
  console.log(secrets, secrets.getRedisConfig(), secrets.read('stripe'), JSON.stringify(secrets.health()));
  await secrets.refresh('stripe').catch((error) => console.log(error, JSON.stringify(error)));
  console.error(new Error('of the application', { cause: secrets.getRedisConfig() }));
  process.emitWarning(String(secrets.getRedisConfig()));
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  console.log('ready ' + child.pid);
  await once(process.stdin, 'data');
  child.kill();
  secrets.close();
  process.exit(0);
`;

test('no other process and no file sees a value', async (t) => {
  isolateAws();
  let calls = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { SecretId, SecretIdList } = JSON.parse(body);
    const entry = (Name) => {
      const redis = { host: 'cache', username: CANARY, password: CANARY, note: CANARY };
      const stripe = { publicKey: `pk_test_${CANARY}`, privateKey: `sk_test_${CANARY}`, webhookSecret: `whsec_${CANARY}` };
      // The second answer for Stripe is a bad version that quotes everything.
      const fields = Name.includes('redis') ? redis : SecretIdList ? stripe : { publicKey: CANARY, privateKey: CANARY };
      return { Name, ARN: 'arn', VersionId: `v${++calls}`, SecretString: JSON.stringify(fields), CreatedDate: 0 };
    };
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    const answer = SecretIdList ? { SecretValues: SecretIdList.map(entry), Errors: [] } : entry(SecretId);
    response.end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-leak-'));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  const [path, identity] = [join(folder, 'snapshot'), join(folder, 'identity')];
  await writeFile(identity, makeIdentity(), { mode: 0o600 });

  const program = ['--input-type=module', '-e', PROGRAM, `http://127.0.0.1:${server.address().port}`, path, identity];
  const cwd = new URL('../..', import.meta.url);
  const child = spawn(process.execPath, program, { cwd, env: { ...process.env, TMPDIR: folder, DEBUG: '*' } });
  t.after(() => child.kill());
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  let output = '';
  let grandchild;
  for await (const line of createInterface(child.stdout)) {
    output += `${line}\n`;
    grandchild = /^ready (\d+)$/.exec(line)?.[1];
    if (grandchild) break;
  }
  assert.ok(grandchild, `the program works: ${errors}`);
  assert.match(output, /REDACTED/);
  assert.match(output, /SECRETS_INVALID/);
  assertNoLeak(output, 'standard output');
  assertNoLeak(errors, 'standard error');
  for (const pid of [child.pid, grandchild]) {
    for (const name of ['cmdline', 'environ', 'comm', 'status']) {
      assertNoLeak(await readFile(`/proc/${pid}/${name}`, 'latin1'), `/proc/…/${name}`);
    }
  }
  const written = await files(folder);
  assert.ok(written.includes(path), 'there is a snapshot to look at');
  for (const file of written) assertNoLeak(await readFile(file, 'latin1'), file);
  child.stdin.write('x');
  await once(child, 'exit');
});

test('the package holds what it needs and nothing else', async () => {
  const root = new URL('../../node_modules/@permisos/secrets/', import.meta.url).pathname;
  const names = (await files(root)).map((file) => file.slice(root.length));
  const expected = /^(LICENSE|README\.md|package\.json|index\.(mjs|d\.mts)|dist\/(generated\/)?[\w.-]+\.(m?js|d\.m?ts)|native\/[\w.-]+\.node|schemas\/(engine\/)?[a-z-]+\.json)$/;
  assert.deepEqual(names.filter((name) => !expected.test(name)), []);
  for (const name of names) {
    const text = await readFile(join(root, name), 'latin1');
    for (const word of [/AKIA[0-9A-Z]{16}/, /AGE-SECRET-KEY-1[A-Z0-9]{20}/, /-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{20}/, /canary/]) {
      assert.doesNotMatch(text, word, name);
    }
  }
});

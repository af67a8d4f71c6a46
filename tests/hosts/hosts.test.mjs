// The hosts of docs/hosts.md in Python and JavaScript: one scene, played with each against an emulated Secrets Manager.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { isolateAws, startMoto } from '../servers/servers.mjs';

const { PERMISOS_COMPONENT, PERMISOS_HOST_PYTHON, PERMISOS_TRANSPILED } = process.env;
assert.ok(PERMISOS_COMPONENT && PERMISOS_HOST_PYTHON && PERMISOS_TRANSPILED, 'run cargo xtask test');
const drive = (name) => fileURLToPath(new URL(name, import.meta.url));
const HOSTS = {
  python: [PERMISOS_HOST_PYTHON, drive('drive.py'), PERMISOS_COMPONENT],
  javascript: [process.execPath, drive('drive.mjs'), PERMISOS_TRANSPILED],
};
const CANARY = 'canary-8d1f';
const DATABASE = { host: 'db1', database: 'permisos', username: 'app', password: CANARY };

let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
});

after(() => moto.stop());

for (const [language, [program, ...args]] of Object.entries(HOSTS)) {
  test(`a host in ${language} loads, keeps, follows a rotation and reports errors as errors`, async () => {
    const name = `permisos/${language}/database/credentials`;
    await moto.create(name, DATABASE);
    const options = { environment: language, source: 'aws', services: ['database'], endpointUrl: moto.url };
    const child = spawn(program, [...args, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const ask = async (...command) => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value } = await lines.next();
      assert.ok(value && !value.includes(CANARY), `${command[0]} has no answer, or one with a secret`);
      return JSON.parse(value);
    };
    try {
      assert.deepEqual(await ask('ready'), { ok: null });
      assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db1', isSame: false } });
      assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db1', isSame: true } });

      // The same version is the same object; another one is another.
      assert.deepEqual(await ask('refresh', 'database'), { ok: null });
      assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db1', isSame: true } });
      await moto.put(name, { ...DATABASE, host: 'db2' });
      await new Promise((resolve) => setTimeout(resolve, 1100));
      assert.deepEqual(await ask('refresh', 'database'), { ok: null });
      assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db2', isSame: false } });
      assert.deepEqual(await ask('events'), { ok: ['loaded', 'refreshed', 'rotated'] });

      // A typo is an error with the near name, and ends nothing.
      for (const what of ['get', 'refresh']) {
        const { error } = await ask(what, 'databse');
        assert.equal(error.code, 'SECRETS_CONFIG_INVALID');
        assert.match(error.message, /did you mean `database`\?$/);
      }
      const { ok: health } = await ask('health');
      assert.deepEqual([health.status, health.services[0].origin], ['healthy', 'secrets-manager']);

      // A start in seconds; the variables of the services asked for, and those that steer.
      const { error } = await ask('open', options, 1_790_000_000);
      assert.equal(error.code, 'SECRETS_CONFIG_INVALID');
      assert.match(error.message, /milliseconds since 1970, not in seconds/);
      const { ok: names } = await ask('open', { services: ['redis'], source: 'environment' }, Date.now());
      const redis = names.filter((name) => /^(DATABASE|DB|REDIS|STRIPE|EMAIL)_/.test(name));
      assert.deepEqual([...new Set(redis.map((name) => name.split('_')[0]))], ['REDIS']);

      assert.deepEqual(await ask('close'), { ok: null });
      assert.equal((await ask('get', 'database')).error.code, 'SECRETS_NOT_READY');
      child.stdin.end();
      const [code] = await once(child, 'exit');
      assert.equal(code, 0);
    } finally {
      child.kill();
    }
  });
}

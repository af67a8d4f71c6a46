// What is stored goes away, goes bad, or is at the limits: readers keep the last good version.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Secrets, defineSecret } from '@permisos/secrets';
import { isolateAws, startMoto } from '../../servers/servers.mjs';
import { FAULTS, inRegion, startProxy } from '../../servers/proxy.mjs';
import { createDatabase, open, rotate } from '../../support/scene.mjs';

const LARGEST = 65_536;

let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
});

after(() => moto.stop());

describe('versions', { concurrency: 2 }, () => {
  test('a secret that is deleted and restored', async (t) => {
    await createDatabase(moto, 'deleted');
    const scene = await open(t, 'deleted', moto.url);
    const id = { SecretId: 'permisos/deleted/database/credentials' };
    await moto.call('DeleteSecret', id);
    await scene.more('failed');
    await scene.stale('SECRETS_NOT_FOUND');
    await moto.call('RestoreSecret', id);
    await scene.more('recovered');
    await scene.healthy();
    await scene.end(['v1']);
  });

  for (const [name, bad, path, rule] of [
    ['malformed JSON', { SecretString: '{"host": "canary-of-the-version", ' }, '', 'json'],
    ['a binary value', { SecretBinary: Buffer.from('canary-of-the-version').toString('base64') }, '', 'text'],
    ['a version that lacks the password', { SecretString: '{"host":"h","database":"d","username":"u"}' }, '/password', 'required'],
  ]) {
    test(`${name} as a new version replaces nothing, and the next good one does`, async (t) => {
      const environment = `bad-${rule}`;
      await createDatabase(moto, environment);
      const scene = await open(t, environment, moto.url);
      const SecretId = `permisos/${environment}/database/credentials`;
      const { VersionId } = await moto.call('PutSecretValue', { SecretId, ...bad });
      await scene.more('invalid');
      const { versionId, violations } = scene.events.find(({ type }) => type === 'invalid');
      assert.equal(versionId, VersionId);
      assert.deepEqual(violations.map((it) => [it.path, it.rule]), [[path, rule]]);
      const { lastError, versionId: held } = scene.health();
      assert.equal(lastError, 'SECRETS_INVALID');
      assert.notEqual(held, VersionId);
      await rotate(moto, environment, 2);
      await scene.more('rotated');
      await scene.healthy();
      await scene.end(['v1', 'v2']);
    });
  }

  test('the largest secret is read whole, also in a batch', async (t) => {
    await createDatabase(moto, 'largest');
    const definitions = ['one', 'two'].map((name) => defineSecret(`large/${name}`, { fields: { filler: {} } }));
    const filler = 'ñ'.repeat((LARGEST - '{"filler":""}'.length) / 2) + 'n';
    const SecretString = JSON.stringify({ filler });
    assert.equal(Buffer.byteLength(SecretString), LARGEST);
    for (const { id } of definitions) await moto.call('CreateSecret', { Name: `permisos/largest/${id}`, SecretString });
    const scene = await open(t, 'largest', moto.url, { secrets: definitions, ttl: 60 });
    for (const definition of definitions) assert.equal(scene.secrets.getSecret(definition).filler, filler);
    await scene.witness.stop();
  });

  test('two hundred custom secrets are ten calls, and one call where a region is lost', async (t) => {
    const definitions = Array.from({ length: 200 }, (_, index) =>
      defineSecret(`many/number-${index}`, { fields: { token: { minLength: 8 } } }),
    );
    const regions = ['us-east-1', 'us-west-2'];
    const replica = await startMoto(0, regions[1]);
    t.after(() => replica.stop());
    for (const { id } of definitions) await replica.create(`permisos/many/${id}`, { token: `canary ${id}` });
    const proxy = await startProxy({ 'us-east-1': moto.url, 'us-west-2': replica.url });
    t.after(() => proxy.stop());
    proxy.fault = inRegion('us-east-1', FAULTS.hang);
    const secrets = await Secrets.open({
      environment: 'many',
      source: 'aws',
      services: [],
      secrets: definitions,
      endpointUrl: `${proxy.url}/{region}`,
      regions,
      timeout: 10,
      env: {},
    });
    t.after(() => secrets.close());
    for (const definition of definitions) assert.equal(secrets.getSecret(definition).token, `canary ${definition.id}`);
    const asked = (region) => proxy.requests.filter((request) => request.region === region).map(({ ids }) => ids);
    assert.deepEqual(asked('us-east-1'), [20], 'a region that hangs is waited for once');
    assert.deepEqual(asked('us-west-2'), Array(10).fill(20));
    assert.equal(secrets.health().status, 'healthy');
    assert.ok(secrets.health().services.every(({ region }) => region === 'us-west-2'));
  });
});

// Real IAM policies and signatures (ministack): permission is removed, keys are replaced, while readers go on.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Secrets } from '@permisos/secrets';
import { createSeven, isolateAws, startMinistack } from '../../servers/servers.mjs';
import { startProxy } from '../../servers/proxy.mjs';
import { createDatabase, open } from '../../support/scene.mjs';

let server;
let folder;
const keys = new Map();

before(async () => {
  isolateAws();
  delete process.env.AWS_ACCESS_KEY_ID;
  delete process.env.AWS_SECRET_ACCESS_KEY;
  folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-'));
  process.env.AWS_SHARED_CREDENTIALS_FILE = join(folder, 'credentials');
  server = await startMinistack();
});

after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

describe('permissions', () => {
  test('permission that is removed and granted again', async (t) => {
    await createDatabase(server, 'denied');
    const { id } = await createUser('reader');
    await allow('reader', ['secretsmanager:GetSecretValue']);
    const scene = await open(t, 'denied', server.url, { profile: 'reader' });
    await iam('DeleteUserPolicy', { UserName: 'reader', PolicyName: 'all' });
    await scene.more('failed');
    await scene.stale('SECRETS_ACCESS_DENIED');
    const { message } = scene.events.find(({ type }) => type === 'failed');
    assert.match(message, /grant the role secretsmanager:GetSecretValue on .*permisos\/denied\/database\/credentials/);
    assert.ok(!message.includes(id));
    await allow('reader', ['secretsmanager:GetSecretValue']);
    await scene.more('recovered');
    await scene.healthy();
    await scene.end(['v1']);
  });

  test('a key that is replaced in the credentials file is found without a restart', async (t) => {
    await createDatabase(server, 'renewed');
    const { id } = await createUser('renewer');
    await allow('renewer', ['secretsmanager:GetSecretValue']);
    const scene = await open(t, 'renewed', server.url, { profile: 'renewer' });
    await iam('DeleteAccessKey', { UserName: 'renewer', AccessKeyId: id });
    await scene.more('failed');
    await scene.stale('SECRETS_UNAUTHENTICATED');
    await createKey('renewer');
    await scene.more('recovered');
    await scene.healthy();
    await scene.end(['v1']);
  });

  test('without the batch action single calls do it, with it one batch', async (t) => {
    await createSeven(server, 'batched');
    await createUser('batcher');
    const proxy = await startProxy(server.url);
    t.after(() => proxy.stop());
    const options = {
      environment: 'batched',
      source: 'aws',
      services: ['database', 'redis', 'stripe'],
      endpointUrl: proxy.url,
      profile: 'batcher',
      env: {},
    };
    const operations = () => proxy.requests.splice(0).map(({ operation }) => operation);
    const loads = async () => {
      const secrets = await Secrets.open(options);
      secrets.close();
    };

    await allow('batcher', ['secretsmanager:GetSecretValue']);
    await loads();
    assert.deepEqual(operations(), ['BatchGetSecretValue', ...Array(3).fill('GetSecretValue')]);

    await allow('batcher', ['secretsmanager:BatchGetSecretValue', 'secretsmanager:GetSecretValue']);
    await loads();
    assert.deepEqual(operations(), ['BatchGetSecretValue']);
  });
});

async function createUser(name) {
  await iam('CreateUser', { UserName: name });
  return createKey(name);
}

/** Makes a key and writes it to the credentials file, under the user's name. */
async function createKey(name) {
  const answer = await iam('CreateAccessKey', { UserName: name });
  const [id, secret] = ['AccessKeyId', 'SecretAccessKey'].map((tag) => new RegExp(`<${tag}>(.*?)<`).exec(answer)[1]);
  keys.set(name, { id, secret });
  const profiles = [...keys].map(
    ([name, { id, secret }]) => `[${name}]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
  );
  await writeFile(process.env.AWS_SHARED_CREDENTIALS_FILE, profiles.join('\n'), { mode: 0o600 });
  return { id };
}

function allow(name, actions) {
  const Statement = [{ Effect: 'Allow', Action: actions, Resource: '*' }];
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  return iam('PutUserPolicy', { UserName: name, PolicyName: 'all', PolicyDocument });
}

/** A call to IAM as the account's root. */
async function iam(action, parameters) {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: new URLSearchParams({ Action: action, Version: '2010-05-08', ...parameters }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${action} answered HTTP ${response.status}`);
  return text;
}

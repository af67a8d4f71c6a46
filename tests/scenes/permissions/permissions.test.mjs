// The policies that the operator's tool prints, enforced: they suffice, and nothing of them can be left out. And the
// trail of it all. ministack evaluates the policies of its users; what it does not do is said at the test.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Secrets } from '@permisos/secrets';
import { SEVEN, createSeven, isolateAws, startMinistack } from '../../servers/servers.mjs';

const ROOT = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
const AT_HOME = { PATH: process.env.PATH, AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null' };
/** Exit codes by which a command says what it found: nothing wrong, violations, a permission missing. */
const FINDINGS = [0, 65, 77];
const ACCOUNT = '000000000000';

let aws;
let users = 0;
let reader;

before(async () => {
  isolateAws();
  aws = await startMinistack();
  await createSeven(aws, 'production');
  await aws.create('permisos/staging/redis/credentials', { host: 'staging.internal' });
  reader = JSON.parse((await tool(['policy'])).stdout);
});

after(() => aws.stop());

/** Runs the operator's tool; answers `{ code, stdout, stderr }`. */
async function tool(args, keys = ROOT, at = ['--endpoint-url', aws.url]) {
  const all = [...args, '--environment', 'production', '--region', 'us-east-1', ...at];
  return run(all, { env: { ...AT_HOME, ...keys } });
}

async function run(args, options) {
  try {
    return { code: 0, ...(await promisify(execFile)(process.env.PERMISOS_CLI, args, { ...options, timeout: 60_000 })) };
  } catch ({ code, stdout, stderr }) {
    return { code, stdout, stderr };
  }
}

async function iam(action, parameters) {
  const credential = 'test/20260101/us-east-1/iam/aws4_request';
  const response = await fetch(aws.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
    },
    body: new URLSearchParams({ Action: action, Version: '2010-05-08', ...parameters }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${action} answered HTTP ${response.status}`);
  return text;
}

/** A user that may do this and nothing else. */
async function user(policy) {
  const UserName = `user-${users++}`;
  await iam('CreateUser', { UserName });
  await iam('PutUserPolicy', { UserName, PolicyName: 'all', PolicyDocument: JSON.stringify(policy) });
  const answer = await iam('CreateAccessKey', { UserName });
  const [, AWS_ACCESS_KEY_ID] = /<AccessKeyId>(.*?)</.exec(answer);
  const [, AWS_SECRET_ACCESS_KEY] = /<SecretAccessKey>(.*?)</.exec(answer);
  return { name: UserName, keys: { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } };
}

/** The main job as that user: seven services from the start, by one call. */
async function job({ keys }, options) {
  Object.assign(process.env, keys);
  const secrets = await Secrets.open({
    environment: 'production',
    source: 'aws',
    region: 'us-east-1',
    endpointUrl: aws.url,
    environmentFallback: false,
    env: {},
    previousFor: 0,
    ...options,
  });
  secrets.getDatabaseConfig();
  secrets.getStripeConfig();
  const { status, fetches } = secrets.health();
  assert.equal(status, 'healthy');
  assert.equal(secrets.getMonitoringConfig().sentryDsn, 'https://canary@sentry.io/1');
  secrets.close();
  return fetches.map(({ operation, error, count }) => [operation, error, count]);
}

const without = (policy, index) => ({ ...policy, Statement: policy.Statement.toSpliced(index, 1) });

test('the policy names account, region and the seven secrets', () => {
  const [{ Resource }] = reader.Statement;
  const arn = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:permisos/production/database/credentials`;
  assert.equal(Resource.length, 14);
  assert.deepEqual([Resource[0], Resource[7]], [`${arn}-??????`, arn]);
});

test('the reader policy suffices for the whole main job', async () => {
  const one = await user(reader);
  assert.deepEqual(await job(one), [['BatchGetSecretValue', null, 1]]);
  // The same permission covers the previous keys after a rotation.
  await job(one, { previousFor: 3600 });
});

test('without any one of its statements the main job is not done in one call, or not at all', async () => {
  for (const [index, { Sid }] of reader.Statement.entries()) {
    const outcome = job(await user(without(reader, index)));
    if (Sid === 'ReadSecretsInOneCall') {
      assert.deepEqual(await outcome, [
        ['BatchGetSecretValue', 'SECRETS_ACCESS_DENIED', 1],
        ['GetSecretValue', null, 7],
      ]);
    } else {
      await assert.rejects(outcome, { code: 'SECRETS_ACCESS_DENIED' }, Sid);
    }
  }
});

test('without any one of its secrets that service is denied', async () => {
  for (let index = 0; index < 6; index++) {
    const [read, batch] = reader.Statement;
    const less = { ...reader, Statement: [{ ...read, Resource: read.Resource.toSpliced(index, 1) }, batch] };
    await assert.rejects(job(await user(less)), { code: 'SECRETS_ACCESS_DENIED' });
  }
});

test('a reader may read nothing else and change nothing', async () => {
  const one = await user(reader);
  Object.assign(process.env, one.keys);
  const options = { source: 'aws', region: 'us-east-1', endpointUrl: aws.url, environmentFallback: false, env: {} };
  const staging = Secrets.open({ environment: 'staging', services: ['redis'], ...options });
  await assert.rejects(staging, { code: 'SECRETS_ACCESS_DENIED' });
  const verified = await tool(['policy', '--for', 'operator', '--verify', '--json'], one.keys);
  assert.notEqual(verified.code, 0);
});

test('verify asks IAM, and names what is denied', async () => {
  const one = await user(reader);
  const principal = ['--principal', `arn:aws:iam::${ACCOUNT}:user/${one.name}`];
  const good = await tool(['policy', '--verify', ...principal, '--json']);
  assert.equal(good.code, 0, good.stderr);
  const decisions = JSON.parse(good.stdout).decisions;
  assert.ok(decisions.length >= 2 && decisions.every(({ allowed }) => allowed), good.stdout);
  assert.ok(decisions.every(({ resource }) => !resource.includes('?')), 'IAM simulates ARNs, not patterns');
  const bad = await tool(['policy', '--for', 'operator', '--verify', ...principal, '--json']);
  assert.equal(bad.code, 77, bad.stderr);
  const denied = JSON.parse(bad.stdout).decisions.filter(({ allowed }) => !allowed);
  assert.ok(denied.some(({ action }) => action === 'secretsmanager:PutSecretValue'), bad.stdout);
});

test('audit shows who read what, and marks unknown readers', async () => {
  const response = await fetch(`${aws.url}/_ministack/config`, {
    method: 'POST',
    body: JSON.stringify({ 'cloudtrail._recording_enabled': 'true' }),
  });
  assert.ok(response.ok, `recording: HTTP ${response.status}`);
  const [known, stranger] = [await user(reader), await user(reader)];
  await job(known);
  Object.assign(process.env, stranger.keys);
  const options = { source: 'aws', region: 'us-east-1', endpointUrl: aws.url, env: {} };
  (await Secrets.open({ environment: 'production', services: ['redis'], ...options })).close();
  // ministack knows its users by their keys here, and does not say which secret.
  const arn = ({ keys }) => `arn:aws:iam::${ACCOUNT}:user/${keys.AWS_ACCESS_KEY_ID}`;
  const audit = await tool(['audit', '--since', '1h', '--known', arn(known), '--json']);
  assert.equal(audit.code, 0, audit.stderr);
  const { events } = JSON.parse(audit.stdout);
  const of = (one) => events.filter(({ principal }) => principal === arn(one));
  assert.deepEqual(of(known).map(({ operation, suspicious }) => [operation, suspicious]), [['BatchGetSecretValue', []]]);
  assert.deepEqual(of(stranger).map(({ operation, suspicious }) => [operation, suspicious]), [
    ['GetSecretValue', ['unknown principal']],
  ]);
});

/** Events as CloudTrail records them; ministack records neither errors nor secrets. */
const RECORDED = [
  record('GetSecretValue', session('permisos-api'), { secretId: 'permisos/production/stripe/api-keys' }),
  record(
    'GetSecretValue',
    { type: 'IAMUser', arn: 'arn:aws:iam::999988887777:user/mallory', accountId: '999988887777', userName: 'mallory' },
    { secretId: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/stripe/api-keys-a1b2c3' },
    { errorCode: 'AccessDenied', errorMessage: 'User: mallory is not authorized', awsRegion: 'eu-west-1' },
  ),
  record('DeleteSecret', session('\u001b[31mother\u0007'), { secretId: 'permisos/production/redis/credentials' }),
  record('GetSecretValue', session('blog'), { secretId: 'blog/production/database' }),
];

function session(role) {
  const arn = `arn:aws:sts::123456789012:assumed-role/${role}/i-0abc`;
  return { type: 'AssumedRole', principalId: 'AROAEXAMPLE:i-0abc', arn, accountId: '123456789012' };
}

function record(eventName, userIdentity, requestParameters, more) {
  const eventTime = '2026-11-24T21:43:48Z';
  const event = { eventVersion: '1.08', userIdentity, eventTime, eventSource: 'secretsmanager.amazonaws.com', eventName };
  const rest = { awsRegion: 'us-east-1', sourceIPAddress: '192.0.2.7', userAgent: 'aws-sdk-rust', requestParameters };
  const CloudTrailEvent = JSON.stringify({ ...event, ...rest, ...more, eventType: 'AwsApiCall', readOnly: true });
  return { EventId: crypto.randomUUID(), EventName: eventName, EventTime: 1795556628, Username: 'i-0abc', CloudTrailEvent };
}

test('recorded events: denied, other account, other region, and nothing that steers a terminal', async (t) => {
  const pages = [RECORDED.slice(0, 2), RECORDED.slice(2)];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (body.includes('GetCallerIdentity')) {
      response.setHeader('content-type', 'text/xml');
      response.end(
        `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/operator</Arn>
        <UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
      );
      return;
    }
    const { NextToken } = JSON.parse(body);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify(NextToken ? { Events: pages[1] } : { Events: pages[0], NextToken: 'second' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const at = ['--endpoint-url', `http://127.0.0.1:${server.address().port}`];
  const audit = ['audit', '--since', '90d', '--known', 'arn:aws:iam::123456789012:role/permisos-api'];
  const { stdout } = await tool([...audit, '--json'], ROOT, at);
  const events = JSON.parse(stdout).events.map(({ operation, principal, suspicious }) => [
    operation,
    principal.split('/').at(1),
    suspicious,
  ]);
  assert.deepEqual(events, [
    ['GetSecretValue', 'permisos-api', []],
    ['GetSecretValue', 'mallory', ['denied', 'other account', 'other region', 'unknown principal']],
    ['DeleteSecret', '\u001b[31mother\u0007', ['unknown principal']],
  ]);
  const page = await tool([...audit, '--color', 'always'], ROOT, at);
  assert.doesNotMatch(page.stdout, /\u001b\[31mother|\u0007/);
  assert.match(page.stdout, /2 suspicious/);
  const all = await tool([...audit, '--all', '--json'], ROOT, at);
  assert.equal(JSON.parse(all.stdout).events.length, 4);
});

test('every command of the runbook exists and runs', async (t) => {
  const text = await readFile(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/^ *permisos-secrets (.+)$/gm)].map(([, line]) => line);
  const inline = [...text.matchAll(/`permisos-secrets ([^`]+)`/g)].map(([, line]) => line);
  assert.ok(blocks.length > 10 && inline.length > 0, `${blocks.length} and ${inline.length} commands`);
  const cwd = await mkdtemp(`${tmpdir()}/permisos-secrets-runbook-`);
  t.after(() => rm(cwd, { recursive: true }));
  const env = { ...AT_HOME, ...ROOT, AWS_REGION: 'us-east-1' };
  for (const suffix of Object.keys(SEVEN)) {
    const replicas = { SecretId: `permisos/production/${suffix}`, AddReplicaRegions: [{ Region: 'us-west-2' }] };
    await aws.call('ReplicateSecretToRegions', replicas);
  }
  for (const line of new Set([...blocks, ...inline])) {
    // A secret is not rotated for a test's sake, nor anything asked: that the options are right is enough.
    const isRun = blocks.includes(line) && !line.startsWith('rotate');
    const args = [...line.split(' '), ...(isRun ? ['--endpoint-url', aws.url] : ['--help'])];
    const { code, stdout, stderr } = await run(args, { cwd, env });
    // The runbook's role does not exist here, and no environment can stand in: the command reports both, as it should.
    assert.ok(isRun ? FINDINGS.includes(code) : code === 0, `${line}: exit code ${code}\n${stdout}${stderr}`);
    assert.ok(!`${stdout}${stderr}`.includes('canary'), `${line} shows a value`);
  }
  const { mode } = await stat(`${cwd}/emergency.env`);
  assert.equal(mode & 0o777, 0o600, 'only its owner reads what was exported');
});

// A private Secrets Manager: moto or ministack in a process of its own, on a port that the system chose.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const REGION = 'us-east-1';

/** Points the AWS SDK at nothing but what a test gives it. */
export function isolateAws() {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'testing',
    AWS_SECRET_ACCESS_KEY: 'testing',
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  });
}

/** Starts moto, empty, as one region. `stop()` ends it; so does the end of this process. */
export function startMoto(port = 0, region = REGION) {
  return startEmulator('moto_server.py', port, region);
}

/** Starts ministack, empty: it enforces the policies of every key but `test`, which is the account's root. */
export function startMinistack() {
  return startEmulator('ministack_server.py', 0, REGION);
}

async function startEmulator(script, port, region) {
  const { child, line, stop } = await startPython(script, String(port));
  const url = `http://127.0.0.1:${line}`;
  const call = (operation, body) => secretsManager(url, region, operation, body);
  return {
    url,
    port: Number(line),
    stop,
    /** Ends it as a crash would. */
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    /** Stops it as a debugger would: connections are accepted and hang. */
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    create: (name, value, more) => call('CreateSecret', { Name: name, SecretString: JSON.stringify(value), ...more }),
    put: (name, value, more) => call('PutSecretValue', { SecretId: name, SecretString: JSON.stringify(value), ...more }),
    delete: (name) => call('DeleteSecret', { SecretId: name }),
    call,
  };
}

/** New certificates for 127.0.0.1 and these names: `{ authority, good, expired, foreign, elsewhere, selfSigned }`. */
export async function makeCertificates(...names) {
  const { line, stop } = await startPython('certificates.py', ...names);
  await stop();
  return JSON.parse(line);
}

/** Starts a PostgreSQL with TLS, empty: `{ port, password, authority }` of its administrator `postgres`, and `stop()`. */
export async function startPostgres() {
  const { line, stop } = await startPython('postgres_server.py');
  return { ...JSON.parse(line), stop };
}

/** Starts a Redis with one user: `{ port, plain, authority }`, the port with TLS and the one without, and `stop()`. */
export async function startRedis(username, password, { knowsLogin = true } = {}) {
  const { line, stop } = await start('redis_server.py', [], { username, password, knowsLogin });
  return { ...JSON.parse(line), stop };
}

/** Starts PgBouncer before a PostgreSQL, with passwords of its own: `{ port }` and `stop()`; null where it is not installed. */
export async function startPooler({ port, authority }, method, users) {
  const asked = { port, authority, method, users };
  const { line, stop } = await start('pgbouncer_server.py', [], asked);
  return line === 'unavailable' ? null : { port: Number(line), stop };
}

/** Starts a server of this folder that prints one line when it is ready, and ends when its standard input closes. */
export function startPython(script, ...args) {
  return start(script, args);
}

/** The same, with what it reads first. */
async function start(script, args, asked) {
  const python = process.env.PERMISOS_PYTHON ?? 'python3';
  const path = new URL(script, import.meta.url).pathname;
  const child = spawn(python, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (asked) child.stdin.write(`${JSON.stringify(asked)}\n`);
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${script} did not start`))),
  ]);
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    // One that is stopped would not hear that it is to end.
    child.kill('SIGCONT');
    child.stdin.end();
    await ended;
  };
  return { child, line, stop };
}

async function secretsManager(url, region, operation, body) {
  const credential = `test/20260101/${region}/secretsmanager/aws4_request`;
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `secretsmanager.${operation}`,
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${operation} answered HTTP ${response.status}`);
  return response.json();
}

/** The seven secrets of an environment, by what follows it in their names. */
export const SEVEN = {
  'database/credentials': {
    host: 'database.internal',
    port: 5432,
    database: 'permisos',
    username: 'permisos_app',
    password: 'canary-database-7Qz4',
    ssl: { rejectUnauthorized: true },
  },
  'redis/credentials': { host: 'cache.internal', password: 'canary-redis-8Wx5', tls: true },
  'security/session': {
    sessionSecret: 'canary-session-secret-of-forty-letters-1',
    jwtSecret: 'canary-token-secret-of-forty-letters-abc',
    internalApiKey: 'canary-internal-9Ev6',
  },
  'stripe/api-keys': {
    publicKey: 'pk_test_canaryPublic',
    privateKey: 'sk_test_canaryPrivate',
    webhookSecret: 'whsec_canaryHook',
  },
  'email/credentials': { smtpUser: 'AKIACANARY', smtpPassword: 'canary-smtp-0Rt7', fromAddress: 'hola@permisos.mx' },
  'government/portal': { username: 'tramites', password: 'canary-portal-1Ty8', loginUrl: 'https://portal.gob.mx/login' },
  'monitoring/api-keys': { sentryDsn: 'https://canary@sentry.io/1' },
};

/** Creates them. */
export async function createSeven(moto, environment = 'staging', seven = SEVEN) {
  for (const [suffix, value] of Object.entries(seven)) await moto.create(`permisos/${environment}/${suffix}`, value);
}

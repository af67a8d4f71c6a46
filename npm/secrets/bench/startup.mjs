// From process start to seven configs, against an empty Node process plus one round trip to the same server.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const ROUNDS = 61;
const SEVEN = {
  database: { host: 'd', database: 'd', username: 'u', password: 'p' },
  redis: { host: 'c' },
  security: { sessionSecret: 's'.repeat(40), jwtSecret: 'j'.repeat(40), internalApiKey: 'k' },
  stripe: { publicKey: 'pk_test_1', privateKey: 'sk_test_1', webhookSecret: 'whsec_1' },
  email: { smtpUser: 'u', smtpPassword: 'p', fromAddress: 'a@b.mx' },
  government: { username: 'u', password: 'p', loginUrl: 'https://portal.gob.mx' },
  monitoring: { sentryDsn: 'd' },
};

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [port] = await once(worker, 'message');
  const url = `http://127.0.0.1:${port}`;
  const env = { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' };
  const body = JSON.stringify({ SecretIdList: Object.keys(SEVEN).map((service) => `permisos/x/${service}/x`) });
  const times = { empty: [], ended: [], loaded: [], ready: [], trip: [] };
  const since = (started, kind) => times[kind].push(Number(process.hrtime.bigint() - started) / 1e6);

  async function node(program, ended, ready) {
    const started = process.hrtime.bigint();
    const child = spawn(process.execPath, ['-e', program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    if (ready) child.stdout.once('data', () => since(started, ready));
    await once(child, 'exit');
    since(started, ended);
  }

  // All kinds in turn: what else the machine does meanwhile hits each alike. The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    await node('', 'empty');
    await node("require('@permisos/secrets')", 'loaded');
    const seven = `
      const s = require('@permisos/secrets');
      s.initializeSecrets({ source: 'aws', endpointUrl: '${url}' }).then(() => {
        s.getDatabaseConfig(); s.getRedisConfig(); s.getSecurityConfig(); s.getStripeConfig();
        s.getEmailConfig(); s.getGovernmentPortalConfig(); s.getMonitoringConfig();
        require('node:fs').writeSync(1, '.');
      });
    `;
    await node(seven, 'ended', 'ready');
    const started = process.hrtime.bigint();
    await (await fetch(url, { method: 'POST', body })).text();
    since(started, 'trip');
    if (round === 0) for (const kind of Object.values(times)) kind.length = 0;
  }

  const middle = (rounds) => rounds.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)];
  const { empty, ended, loaded, ready, trip } = Object.fromEntries(
    Object.entries(times).map(([kind, rounds]) => [kind, middle(rounds)]),
  );
  const ratio = (time) => (time / (empty + trip)).toFixed(2);
  console.log(
    `start-up: seven configs after ${ratio(ready)} times an empty Node process plus one round trip ` +
      `(${ready.toFixed(1)} ms against ${empty.toFixed(1)} + ${trip.toFixed(1)} ms), ` +
      `${ratio(ended)} times until that process has ended, too (${ended.toFixed(1)} ms); ` +
      `loading the package takes ${(loaded - empty).toFixed(1)} ms; ${ROUNDS} processes of each kind, in turn`,
  );
  await worker.terminate();
} else {
  const { createServer } = await import('node:http');
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const entries = JSON.parse(body).SecretIdList.map((Name) => ({
      Name,
      ARN: `arn:${Name}`,
      VersionId: 'v1',
      CreatedDate: 1,
      SecretString: JSON.stringify(SEVEN[Name.split('/')[2]]),
    }));
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ SecretValues: entries, Errors: [] }));
  }).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}

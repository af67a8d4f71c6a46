// From process start to seven configs, against an empty Node process plus one round trip to the same server.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const ROUNDS = 31;
const SEVEN = {
  database: { host: 'd', database: 'd', username: 'u', password: 'p' },
  redis: { host: 'c' },
  security: { sessionSecret: 's'.repeat(40), jwtSecret: 'j'.repeat(40), internalApiKey: 'k' },
  stripe: { publicKey: 'pk_test_1', privateKey: 'sk_test_1', webhookSecret: 'whsec_1' },
  email: { smtpUser: 'u', smtpPassword: 'p', fromAddress: 'a@b.mx' },
  government: { username: 'u', password: 'p', loginUrl: 'https://portal.gob.mx' },
  monitoring: { sentryDsn: 'd' },
};

const middle = (rounds) => rounds.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)];

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [port] = await once(worker, 'message');
  const url = `http://127.0.0.1:${port}`;
  const env = { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' };
  const run = (program) =>
    execFileSync(process.execPath, ['-e', program], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const body = JSON.stringify({ SecretIdList: Object.keys(SEVEN).map((service) => `permisos/x/${service}/x`) });
  const kinds = {
    empty: () => run(''),
    loaded: () => run("require('@permisos/secrets')"),
    seven: () =>
      run(`
        const s = require('@permisos/secrets');
        s.initializeSecrets({ source: 'aws', endpointUrl: '${url}' }).then(() => {
          s.getDatabaseConfig(); s.getRedisConfig(); s.getSecurityConfig(); s.getStripeConfig();
          s.getEmailConfig(); s.getGovernmentPortalConfig(); s.getMonitoringConfig();
        });
      `),
    trip: async () => (await fetch(url, { method: 'POST', body })).text(),
  };
  const times = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  // All kinds in turn: what else the machine does meanwhile hits each alike. The first round warms up.
  for (let round = -1; round < ROUNDS; round++) {
    for (const [kind, work] of Object.entries(kinds)) {
      const started = process.hrtime.bigint();
      await work();
      if (round >= 0) times[kind].push(Number(process.hrtime.bigint() - started) / 1e6);
    }
  }
  const { empty, loaded, seven, trip } = Object.fromEntries(
    Object.entries(times).map(([kind, rounds]) => [kind, middle(rounds)]),
  );
  console.log(
    `start-up: ${(seven / (empty + trip)).toFixed(2)} times an empty Node process plus one round trip ` +
      `(${seven.toFixed(1)} ms against ${empty.toFixed(1)} + ${trip.toFixed(1)} ms; loading the package takes ` +
      `${(loaded - empty).toFixed(1)} ms of it); ${ROUNDS} processes of each kind, in turn`,
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

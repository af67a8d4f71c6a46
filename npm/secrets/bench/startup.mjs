// From process start to seven configs, against an empty Node process plus one round trip to the same server.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const ROUNDS = 15;
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
  const median = (program) => {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const started = process.hrtime.bigint();
      execFileSync(process.execPath, ['-e', program], {
        env: { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      rounds.push(Number(process.hrtime.bigint() - started) / 1e6);
    }
    return middle(rounds);
  };
  const body = JSON.stringify({ SecretIdList: Object.keys(SEVEN).map((service) => `permisos/x/${service}/x`) });
  const trips = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.hrtime.bigint();
    await (await fetch(url, { method: 'POST', body })).text();
    trips.push(Number(process.hrtime.bigint() - started) / 1e6);
  }
  const trip = middle(trips);
  const empty = median('');
  const seven = median(`
    const s = require('@permisos/secrets');
    s.initializeSecrets({ source: 'aws', endpointUrl: '${url}' }).then(() => {
      s.getDatabaseConfig(); s.getRedisConfig(); s.getSecurityConfig(); s.getStripeConfig();
      s.getEmailConfig(); s.getGovernmentPortalConfig(); s.getMonitoringConfig();
    });
  `);
  console.log(
    `start-up: ${(seven / (empty + trip)).toFixed(2)} times an empty Node process plus one round trip ` +
      `(${seven.toFixed(0)} ms against ${empty.toFixed(0)} + ${trip.toFixed(1)} ms)`,
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

// npm/secrets/examples/backend with everything around it, all on this machine: Secrets Manager (moto), PostgreSQL and Redis over
// TLS, Stripe's API, a mail server, the government's portal; then work for it, and rotations of each of its secrets.

import { execFile, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeCertificates, startMoto, startPostgres, startRedis } from '../servers/servers.mjs';
import { makeIdentity } from './identity.mjs';
import { until } from './until.mjs';

export const ENVIRONMENT = 'staging';
/** How long a value is fresh here, so that a rotation is seen in seconds. */
const TTL_S = 2;
const USER = 'permits';
const INSTANCES = 2;

/** What a secret is made of here. No test prints it. */
const random = () => `canary-${randomBytes(18).toString('hex')}`;
const PEOPLE = { operator: 'operator@permits.example', applicant: 'ana@permits.example' };

/** Starts everything but the application itself, which is in `folder`, installed. `stop()` ends it. */
export async function startSurroundings(folder) {
  const { Redis, pg, startServices, hash } = requireFrom(folder);
  const [certificates, moto, postgres, redis] = await Promise.all([
    makeCertificates(),
    startMoto(),
    startPostgres(),
    startRedis('administrator', 'canary-administrator'),
  ]);
  const services = await startServices(certificates.good);
  const files = await mkdtemp(join(tmpdir(), 'permits-'));
  const file = async (name, text) => {
    const path = join(files, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const administrator = new pg.Client({
    host: '127.0.0.1', port: postgres.port, user: 'postgres', password: postgres.password, database: 'postgres', ssl: { ca: postgres.authority },
  });
  await administrator.connect();
  const cache = new Redis({
    host: '127.0.0.1', port: redis.port, username: 'administrator', password: 'canary-administrator', tls: { ca: redis.authority },
  });
  const people = { operator: random(), applicant: random() };
  await administrator.query(await readFile(join(folder, 'schema.sql'), 'utf8'));
  for (const [name, email] of Object.entries(PEOPLE)) {
    const account = [email, await hash(people[name]), name === 'operator'];
    await administrator.query('INSERT INTO accounts (email, password_hash, is_operator) VALUES ($1, $2, $3)', account);
  }
  await administrator.query(`CREATE ROLE ${USER} LOGIN; GRANT SELECT, INSERT, UPDATE ON accounts, permits TO ${USER}`);

  /** How each secret is made, and which server takes it. */
  const makers = {
    'database/credentials': () => ({ host: '127.0.0.1', port: postgres.port, database: 'postgres', username: USER, password: random(), ssl: true }),
    'redis/credentials': () => ({ host: '127.0.0.1', port: redis.port, username: USER, password: random(), tls: true }),
    'security/session': () => ({ sessionSecret: random(), jwtSecret: random(), internalApiKey: random() }),
    'stripe/api-keys': () => ({ publicKey: `pk_test_${randomBytes(12).toString('hex')}`, privateKey: `sk_test_${randomBytes(12).toString('hex')}`, webhookSecret: `whsec_${randomBytes(12).toString('hex')}` }),
    'email/credentials': () => ({ smtpUser: USER, smtpPassword: random(), fromAddress: 'permits@permits.example', host: '127.0.0.1', port: services.ports.mail }),
    'government/portal': () => ({ username: USER, password: random(), loginUrl: `https://127.0.0.1:${services.ports.portal}/login` }),
    'monitoring/api-keys': () => ({ sentryDsn: `https://${randomBytes(12).toString('hex')}@sentry.io/1` }),
    'whatsapp/api': () => ({ token: random(), appSecret: random() }),
  };
  const current = {};
  const nameOf = (secret) => `permisos/${ENVIRONMENT}/${secret}`;
  const makePassword = ({ password }) => administrator.query(`ALTER ROLE ${USER} PASSWORD '${password}'`);
  for (const [secret, make] of Object.entries(makers)) await moto.create(nameOf(secret), (current[secret] = make()));
  await makePassword(current['database/credentials']);
  const grant = (...rules) => cache.call('ACL', 'SETUSER', USER, 'on', '~*', '&*', '+@all', ...rules);
  await grant(`>${current['redis/credentials'].password}`);
  const keysOf = { stripe: ({ privateKey }) => [privateKey], mail: ({ smtpUser, smtpPassword }) => [smtpUser, smtpPassword], portal: ({ username, password }) => [username, password] };
  services.accept('stripe', keysOf.stripe(current['stripe/api-keys']));
  services.accept('mail', keysOf.mail(current['email/credentials']));
  services.accept('portal', keysOf.portal(current['government/portal']));

  /** What callers of the application use: its services' key, and the keys that webhooks are signed with. */
  const callers = {
    key: current['security/session'].internalApiKey,
    stripe: [current['stripe/api-keys'].webhookSecret],
    whatsapp: current['whatsapp/api'].appSecret,
  };

  /** Stores the next version as an administrator does it, without any word to the application; answers its id. */
  const put = async (secret, next) => (await moto.put(nameOf(secret), (current[secret] = next))).VersionId;
  const rotations = {
    /** One user, as AWS's function for a single user: for a moment the database has the new password and the secret the old. */
    async database(followed) {
      const next = makers['database/credentials']();
      await makePassword(next);
      await sleep(500);
      await followed(await put('database/credentials', next));
    },
    /** Two passwords until every process follows; then the old one ends, and with it each connection. */
    async redis(followed) {
      const [before, next] = [current['redis/credentials'], makers['redis/credentials']()];
      await grant(`>${next.password}`);
      await followed(await put('redis/credentials', next));
      await grant(`<${before.password}`);
    },
    async security(followed) {
      const next = makers['security/session']();
      await followed(await put('security/session', next));
      callers.key = next.internalApiKey;
    },
    /** Stripe rolls a key with an end for the old one, and signs with both meanwhile. */
    async stripe(followed) {
      const [before, next] = [current['stripe/api-keys'], makers['stripe/api-keys']()];
      services.accept('stripe', keysOf.stripe(before), keysOf.stripe(next));
      callers.stripe = [next.webhookSecret, before.webhookSecret];
      await followed(await put('stripe/api-keys', next));
      services.accept('stripe', keysOf.stripe(next));
      callers.stripe = [next.webhookSecret];
    },
    /** The old password ends at once. */
    async email(followed) {
      const next = makers['email/credentials']();
      const version = await put('email/credentials', next);
      services.accept('mail', keysOf.mail(next));
      await followed(version);
    },
    async 'government-portal'(followed) {
      const next = makers['government/portal']();
      const version = await put('government/portal', next);
      services.accept('portal', keysOf.portal(next));
      await followed(version);
    },
    async monitoring(followed) {
      await followed(await put('monitoring/api-keys', makers['monitoring/api-keys']()));
    },
  };

  return {
    callers,
    current,
    moto,
    people: Object.fromEntries(Object.entries(PEOPLE).map(([name, email]) => [name, { email, password: people[name] }])),
    rotations,
    /** The options and the environment in which the application finds all this. */
    options: {
      environment: ENVIRONMENT,
      region: 'us-east-1',
      endpointUrl: moto.url,
      ttl: TTL_S,
      timeout: 1,
      database: { caFile: await file('postgres.pem', postgres.authority) },
      redis: { caFile: await file('redis.pem', redis.authority) },
      snapshot: { path: join(files, 'secrets.age'), identityFile: await file('identity.txt', makeIdentity()) },
    },
    variables: {
      PATH: process.env.PATH,
      HOME: files,
      PM2_HOME: join(files, 'pm2'),
      NODE_ENV: 'production',
      // For what the application connects to besides AWS.
      NODE_EXTRA_CA_CERTS: await file('services.pem', certificates.authority),
      STRIPE_API_URL: `https://127.0.0.1:${services.ports.stripe}`,
      // New logins all the time.
      DB_CONNECTION_USES: '20',
      AWS_ACCESS_KEY_ID: 'testing',
      AWS_SECRET_ACCESS_KEY: 'testing',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
    file,
    get mails() {
      return services.mails;
    },
    async stop() {
      moto.resume();
      await administrator.end();
      cache.disconnect();
      await Promise.all([services.stop(), moto.stop(), postgres.stop(), redis.stop()]);
      await rm(files, { recursive: true, force: true });
    },
  };
}

/** The libraries are the application's own. */
function requireFrom(folder) {
  const require = createRequire(join(folder, 'package.json'));
  const { startServices } = require('./local/services.js');
  return { Redis: require('ioredis').Redis, pg: require('pg'), startServices, hash: require('./src/passwords.js').hash };
}

/** Starts the application of a folder under PM2. `stop()` ends PM2, and so does the end of this process. */
export async function startUnderPm2(folder, surroundings) {
  if (surroundings.options) {
    const options = { ...JSON.parse(await readFile(join(folder, 'permisos.json'), 'utf8')), ...surroundings.options };
    await writeFile(join(folder, 'permisos.json'), JSON.stringify(options, null, 2));
  }
  const port = await freePort();
  const env = { ...surroundings.variables, PORT: String(port) };
  const program = join(folder, 'node_modules/.bin/pm2');
  const pm2 = async (...args) => (await promisify(execFile)(program, args, { cwd: folder, env, timeout: 60_000 })).stdout;
  const end = `process.stdin.resume().on('end', () => require('node:child_process').spawnSync(${JSON.stringify(program)}, ['kill']))`;
  const keeper = spawn(process.execPath, ['-e', end], { cwd: folder, env, stdio: ['pipe', 'ignore', 'ignore'] });
  const stop = async () => {
    keeper.stdin.end();
    await once(keeper, 'exit');
  };
  const logs = async () => {
    const folder = join(env.PM2_HOME, 'logs');
    const texts = await readdir(folder).then((names) => Promise.all(names.map((name) => readFile(join(folder, name), 'utf8'))), () => []);
    return texts.join('');
  };
  try {
    await pm2('start', 'ecosystem.config.js');
  } catch (error) {
    const text = await logs();
    await stop();
    throw new Error(`the application did not start: ${error.message}\n${text}`);
  }
  return { logs, pm2, stop, url: `http://127.0.0.1:${port}` };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** One request on a connection of its own: `{ status, headers, text }`. */
function call(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false, timeout: 20_000 }, async (response) => {
      try {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode, headers: response.headers, text });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 20 s')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const JSON_BODY = { 'content-type': 'application/json' };

function cookieOf({ headers }) {
  return headers['set-cookie'][0].split(';')[0];
}

/** People, services and webhooks that use the application all the time. */
export class Load {
  #isOver = false;
  #workers = [];
  /** By kind of work: how often it was done. */
  done = {};
  /** How long each took, in milliseconds. */
  took = [];
  /** What failed, in words without values. */
  failures = [];

  constructor(url, { callers, people }) {
    this.url = url;
    this.callers = callers;
    this.people = people;
  }

  /** A cookie of a person who is logged in. */
  async login(name) {
    return cookieOf(await this.#expect(303, '/login', { method: 'POST', headers: JSON_BODY, body: JSON.stringify(this.people[name]) }));
  }

  async start() {
    let cookie = await this.login('applicant');
    const kinds = {
      session: async () => {
        // As a browser keeps it.
        cookie = cookieOf(await this.#expect(200, '/me', { headers: { cookie } }));
      },
      login: () => this.login('applicant'),
      permit: () => this.#permit(cookie),
      payment: async () => {
        const { id } = JSON.parse((await this.#post('/permits', cookie, 202)).text);
        await this.#post(`/permits/${id}/payment`, cookie, 200);
      },
      'Stripe webhook': () => this.#stripeWebhook(),
      'WhatsApp webhook': () => {
        const body = '{"object":"whatsapp_business_account"}';
        const signature = `sha256=${createHmac('sha256', this.callers.whatsapp).update(body).digest('hex')}`;
        return this.#expect(200, '/webhooks/whatsapp', { method: 'POST', headers: { ...JSON_BODY, 'x-hub-signature-256': signature }, body });
      },
      'internal call': () => this.#expect(200, '/internal/permits', { headers: { 'x-internal-api-key': this.callers.key } }),
      health: () => this.#expect(200, '/health'),
    };
    for (const [kind, work] of Object.entries(kinds)) {
      this.done[kind] = 0;
      this.#workers.push(this.#repeat(kind, work));
    }
  }

  async #repeat(kind, work) {
    while (!this.#isOver) {
      const started = performance.now();
      try {
        await work();
        this.done[kind]++;
        this.took.push(performance.now() - started);
      } catch (error) {
        this.failures.push(`${kind}: ${error.message}`);
      }
      await sleep(40);
    }
  }

  async #expect(expected, path, options) {
    const answer = await call(this.url + path, options);
    if (answer.status !== expected) throw new Error(`${path.replace(/\d+/, '…')} answered HTTP ${answer.status} instead of ${expected}`);
    return answer;
  }

  #post(path, cookie, expected) {
    return this.#expect(expected, path, { method: 'POST', headers: { ...JSON_BODY, cookie }, body: '{"plate":"ABC-123"}' });
  }

  /** From the application to the mail: a job looks at the portal and sends it. */
  async #permit(cookie) {
    const { id } = JSON.parse((await this.#post('/permits', cookie, 202)).text);
    const started = Date.now();
    for (;;) {
      const { state } = JSON.parse((await this.#expect(200, `/permits/${id}`, { headers: { cookie } })).text);
      if (state === 'issued') return;
      if (Date.now() - started > 20_000) throw new Error(`a permit was still ${state} after 20 s`);
      await sleep(100);
    }
  }

  #stripeWebhook() {
    const body = JSON.stringify({ id: 'evt_1', object: 'event', type: 'payment_intent.succeeded', data: { object: { metadata: { permit: 1 } } } });
    const at = Math.floor(Date.now() / 1000);
    const signatures = this.callers.stripe.map((key) => `v1=${createHmac('sha256', key).update(`${at}.${body}`).digest('hex')}`);
    return this.#expect(200, '/webhooks/stripe', { method: 'POST', headers: { ...JSON_BODY, 'stripe-signature': [`t=${at}`, ...signatures].join() }, body });
  }

  get total() {
    return Object.values(this.done).reduce((sum, count) => sum + count, 0);
  }

  /** Waits until each kind of work was done some more times, or something failed. */
  async more(times = 3) {
    const before = { ...this.done };
    await until('more work', () => this.failures.length > 0 || Object.entries(this.done).every(([kind, count]) => count >= before[kind] + times));
  }

  async stop() {
    this.#isOver = true;
    await Promise.all(this.#workers);
  }
}

/** Waits until the status page of each process shows what it should. */
export async function everyProcessShows(load, cookie, pattern, processes = INSTANCES) {
  const seen = new Set();
  await until(`every process shows ${pattern}`, async () => {
    const { text } = await call(`${load.url}/status`, { headers: { cookie } });
    const [, pid] = /<dd>(\d+) on /.exec(text) ?? [];
    if (pid && pattern.test(text)) seen.add(pid);
    return seen.size >= processes;
  });
}

// Secrets Manager behind a proxy, behind a private authority, or not there at all: each cell in a network of its own, where
// AWS's own names lead to a server with TLS on this machine.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { secret, startAws } from '../../servers/credentials.mjs';
import { judgeBad, judgeText } from '../credentials/table.mjs';
import { startPython } from '../../servers/servers.mjs';
import { load, tool } from '../../support/product.mjs';

const REGION = 'eu-west-1';
export const HOST = `secretsmanager.${REGION}.amazonaws.com`;
const STS = `sts.${REGION}.amazonaws.com`;
/** A host without TLS, and one that no proxy permits. */
const PLAIN = 'plain.internal';
export const NAMES = [HOST, STS, PLAIN];

const ROLE = 'arn:aws:iam::123456789012:role/app';
const PROXY_PORT = 8888;
const PROXY = `http://127.0.0.1:${PROXY_PORT}`;
const KEYS = {
  AWS_ACCESS_KEY_ID: 'ASIAENVIRONMENT',
  AWS_SECRET_ACCESS_KEY: secret('key'),
  AWS_SESSION_TOKEN: secret('session'),
};
const PLAIN_ENDPOINT = { endpointUrl: `http://${PLAIN}:8080` };
const CONNECT = `CONNECT ${HOST}:443`;
const USER = 'proxy-user';
const PASSWORD = secret('proxy');
const WITH_PASSWORD = `http://${USER}:${PASSWORD}@127.0.0.1:${PROXY_PORT}`;
const UNAVAILABLE = ['SECRETS_UNAVAILABLE'];
const LOST = ['SECRETS_TIMEOUT', 'SECRETS_UNAVAILABLE'];
const CONFIG = ['SECRETS_CONFIG_INVALID', 'SECRETS_UNAVAILABLE'];

const proxied = (variables, more = {}) => ({ variables: () => ({ ...KEYS, ...variables }), proxy: {}, ...more });
/** A proxy for all that is spoken, and what has to go round it. */
const BOTH = { HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY };

/**
 * What goes through a proxy, and what does not. `through` is what the proxy was asked, in order; cells without `says` have to
 * succeed.
 */
export const PROXIES = [
  ['HTTPS_PROXY', proxied({ HTTPS_PROXY: PROXY }, { through: [CONNECT] })],
  ['https_proxy', proxied({ https_proxy: PROXY }, { through: [CONNECT] })],
  ['ALL_PROXY', proxied({ ALL_PROXY: PROXY }, { through: [CONNECT] })],
  ['a proxy without http://', proxied({ HTTPS_PROXY: `127.0.0.1:${PROXY_PORT}` }, { through: [CONNECT] })],
  ['HTTP_PROXY, a host with TLS', proxied({ HTTP_PROXY: PROXY }, { through: [] })],
  [
    'HTTP_PROXY, a host without TLS',
    proxied({ HTTP_PROXY: PROXY }, { options: PLAIN_ENDPOINT, through: [`POST http://${PLAIN}:8080/`] }),
  ],
  [
    'http_proxy, a host without TLS',
    proxied({ http_proxy: PROXY }, { options: PLAIN_ENDPOINT, through: [`POST http://${PLAIN}:8080/`] }),
  ],
  ['HTTPS_PROXY, a host without TLS', proxied({ HTTPS_PROXY: PROXY }, { options: PLAIN_ENDPOINT, through: [] })],
  ['NO_PROXY with the host', proxied({ ...BOTH, NO_PROXY: `localhost,${HOST}` }, { through: [] })],
  ['no_proxy with the domain', proxied({ ...BOTH, no_proxy: '.amazonaws.com' }, { through: [] })],
  ['NO_PROXY with everything', proxied({ ...BOTH, NO_PROXY: '*' }, { through: [] })],
  ['NO_PROXY with another host', proxied({ ...BOTH, NO_PROXY: 'other.internal' }, { through: [CONNECT] })],
  ['a role: STS as well', proxied(BOTH, { options: { roleArn: ROLE }, through: [`CONNECT ${STS}:443`, CONNECT] })],
  [
    'the agent: never',
    {
      ...proxied(BOTH, { options: { source: 'agent', region: undefined }, through: [] }),
      variables: () => ({ ...BOTH, AWS_TOKEN: secret('agent') }),
    },
  ],
  [
    'container metadata: never',
    {
      ...proxied(BOTH, { through: [CONNECT] }),
      variables: ({ url }) => ({ ...BOTH, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container` }),
    },
  ],
  [
    'container metadata at its own address: never',
    {
      ...proxied(BOTH, { through: [CONNECT], container: true }),
      variables: () => ({ ...BOTH, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/container' }),
    },
  ],
  [
    'instance metadata: never',
    {
      ...proxied(BOTH, { through: [CONNECT] }),
      variables: ({ url }) => ({ ...BOTH, AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: url }),
    },
  ],
  ['a password', proxied({ HTTPS_PROXY: WITH_PASSWORD }, { proxy: { asks: true }, through: [CONNECT] })],
  [
    'a password that is missing',
    proxied(
      { HTTPS_PROXY: PROXY },
      { proxy: { asks: true }, codes: UNAVAILABLE, says: [/proxy 127\.0\.0\.1:8888/, /407|password/] },
    ),
  ],
  [
    'a password that is wrong',
    proxied(
      { HTTPS_PROXY: `http://${USER}:${secret('wrong')}@127.0.0.1:${PROXY_PORT}` },
      { proxy: { asks: true }, codes: UNAVAILABLE, says: [/proxy 127\.0\.0\.1:8888/, /40[17]|password|refused/] },
    ),
  ],
  [
    'a proxy that refuses the host',
    proxied(
      { HTTPS_PROXY: PROXY },
      {
        proxy: { refuses: true },
        codes: UNAVAILABLE,
        says: [/proxy 127\.0\.0\.1:8888/, /403|refus/, new RegExp(HOST)],
      },
    ),
  ],
  [
    'a proxy that refuses the host, with a password',
    proxied(
      { HTTPS_PROXY: WITH_PASSWORD },
      { proxy: { asks: true, refuses: true }, codes: UNAVAILABLE, says: [/proxy 127\.0\.0\.1:8888/, /403|refus/] },
    ),
  ],
  [
    'a proxy that hangs',
    proxied({ HTTPS_PROXY: WITH_PASSWORD }, { proxy: { hangs: true }, codes: LOST, says: [/proxy 127\.0\.0\.1:8888/] }),
  ],
  [
    'a proxy that is not there',
    proxied(
      { HTTPS_PROXY: WITH_PASSWORD },
      { proxy: undefined, codes: LOST, says: [/proxy 127\.0\.0\.1:8888/, /refused/] },
    ),
  ],
  [
    'a proxy whose name does not exist',
    proxied(
      { HTTPS_PROXY: 'http://nosuch.invalid:8888' },
      { proxy: undefined, codes: UNAVAILABLE, says: [/proxy nosuch\.invalid:8888/] },
    ),
  ],
];

/** No certificate of the machine's is found. */
const EMPTY = ({ home }) => ({ SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: `${home}/empty` });
const trusting = (variables, more = {}) => ({
  variables: (place) => ({ ...KEYS, ...EMPTY(place), ...variables(place) }),
  ...more,
});
const withBundle = (file) => `[profile dev]
ca_bundle = ${file}
aws_access_key_id = ASIAPROFILE
aws_secret_access_key = ${secret('key')}
`;
const AUTHORITY = ({ home }) => `${home}/authority.pem`;
/** A certificate that signed nothing here. */
const OTHER = ({ home }) => `${home}/other.pem`;
const AT_HOST = new RegExp(`${HOST}:443`);
const NOT_TRUSTED = { codes: UNAVAILABLE, says: [AT_HOST, /not trusted/] };
const distrusts = (certificate, ...says) =>
  trusting((place) => ({ AWS_CA_BUNDLE: AUTHORITY(place) }), {
    certificate,
    codes: UNAVAILABLE,
    says: [AT_HOST, ...says],
  });

/** Whose certificates are trusted. */
export const TRUST = [
  ['AWS_CA_BUNDLE', trusting((place) => ({ AWS_CA_BUNDLE: AUTHORITY(place) }))],
  [
    'ca_bundle of the profile',
    {
      ...trusting(() => ({})),
      variables: (place) => ({ ...EMPTY(place), AWS_PROFILE: 'dev' }),
      config: (place) => withBundle(AUTHORITY(place)),
    },
  ],
  ['SSL_CERT_FILE', trusting((place) => ({ SSL_CERT_FILE: AUTHORITY(place) }))],
  ['SSL_CERT_DIR', trusting(({ home }) => ({ SSL_CERT_DIR: `${home}/authorities` }))],
  ['NODE_EXTRA_CA_CERTS', trusting((place) => ({ NODE_EXTRA_CA_CERTS: AUTHORITY(place) }))],
  ['AWS_CA_BUNDLE for STS', trusting((place) => ({ AWS_CA_BUNDLE: AUTHORITY(place) }), { options: { roleArn: ROLE } })],
  [
    'AWS_CA_BUNDLE through a proxy',
    trusting((place) => ({ AWS_CA_BUNDLE: AUTHORITY(place), HTTPS_PROXY: PROXY }), { proxy: {}, through: [CONNECT] }),
  ],
  [
    'AWS_CA_BUNDLE in place of SSL_CERT_FILE',
    trusting((place) => ({ AWS_CA_BUNDLE: OTHER(place), SSL_CERT_FILE: AUTHORITY(place) }), NOT_TRUSTED),
  ],
  [
    'AWS_CA_BUNDLE in place of ca_bundle of the profile',
    {
      variables: (place) => ({ ...EMPTY(place), AWS_PROFILE: 'dev', AWS_CA_BUNDLE: AUTHORITY(place) }),
      config: (place) => withBundle(OTHER(place)),
    },
  ],
  [
    'NODE_EXTRA_CA_CERTS beside AWS_CA_BUNDLE',
    trusting((place) => ({ AWS_CA_BUNDLE: OTHER(place), NODE_EXTRA_CA_CERTS: AUTHORITY(place) })),
  ],
  [
    'NODE_EXTRA_CA_CERTS that does not exist, as in Node.js',
    trusting((place) => ({ SSL_CERT_FILE: AUTHORITY(place), NODE_EXTRA_CA_CERTS: `${place.home}/none.pem` })),
  ],
  [
    'no certificates on the machine',
    trusting(() => ({}), { codes: UNAVAILABLE, says: [AT_HOST, /not trusted/, /AWS_CA_BUNDLE/] }),
  ],
  ['a foreign authority', distrusts('foreign', /not trusted/)],
  ['a certificate of no authority', distrusts('selfSigned', /not trusted|self-signed/)],
  ['an expired certificate', distrusts('expired', /expired/, /clock/)],
  ['a certificate for another name', distrusts('elsewhere', /another host/)],
  [
    'a bundle that does not exist',
    trusting(({ home }) => ({ AWS_CA_BUNDLE: `${home}/none.pem` }), {
      codes: CONFIG,
      says: [/AWS_CA_BUNDLE/, /none\.pem/],
    }),
  ],
  [
    'a bundle that is no PEM',
    trusting(({ home }) => ({ AWS_CA_BUNDLE: `${home}/text.pem` }), {
      codes: CONFIG,
      says: [/AWS_CA_BUNDLE/, /text\.pem/],
    }),
  ],
  [
    'a bundle of a profile that does not exist',
    {
      ...trusting(() => ({})),
      variables: () => ({ AWS_PROFILE: 'dev' }),
      config: ({ home }) => withBundle(`${home}/none.pem`),
      codes: CONFIG,
      says: [/ca_bundle/, /none\.pem/],
    },
  ],
];

const lost = (endpointUrl, codes, ...says) => ({
  variables: (place) => ({ ...KEYS, AWS_CA_BUNDLE: AUTHORITY(place) }),
  options: { endpointUrl },
  codes,
  says,
});
const HINT = [/route/, /security group/, /VPC endpoint/];

/** Each reason why a connection fails has a message of its own, with host and port. */
export const CONNECTIONS = [
  [
    'a name that does not exist',
    lost('https://nosuch.invalid', UNAVAILABLE, /nosuch\.invalid:443/, /not found|does not exist|not resolve/),
  ],
  [
    'a name that does not exist, without TLS',
    lost('http://nosuch.invalid', UNAVAILABLE, /nosuch\.invalid:80/, /not found|does not exist|not resolve/),
  ],
  ['a port that refuses', lost(`https://${HOST}:444`, UNAVAILABLE, new RegExp(`${HOST}:444`), /refused/)],
  [
    'a network that is unreachable',
    lost('https://203.0.113.7', UNAVAILABLE, /203\.0\.113\.7:443/, /no route|unreachable/),
  ],
  [
    'a host that does not answer',
    { ...lost(undefined, LOST, /127\.0\.0\.1:\d+/, /timed out|in time/, ...HINT), silent: true },
  ],
  [
    'a certificate that is not trusted',
    { ...lost(undefined, UNAVAILABLE, AT_HOST, /not trusted/), certificate: 'foreign' },
  ],
  ['a certificate that has expired', { ...lost(undefined, UNAVAILABLE, AT_HOST, /expired/), certificate: 'expired' }],
  [
    'a certificate for another name',
    { ...lost(undefined, UNAVAILABLE, AT_HOST, /another host/), certificate: 'elsewhere' },
  ],
  ['a port that speaks no TLS', lost(`https://${PLAIN}:8080`, UNAVAILABLE, new RegExp(`${PLAIN}:8080`), /TLS/)],
  [
    'a proxy that refuses',
    {
      ...lost(undefined, UNAVAILABLE, /proxy 127\.0\.0\.1:8888/, /403|refus/),
      proxied: true,
      proxy: { refuses: true },
    },
  ],
];

const TABLES = { PROXIES, TRUST, CONNECTIONS };

/** Where the answer appears. The places after the first two only report why a connection failed. */
export const PLACES = ['addon', 'tool', 'events', 'health', 'check'];

/** Runs a cell in a private network; answers what is wrong, in words. */
export async function runCell(table, name, place, certificates) {
  const [, cell] = TABLES[table].find(([it]) => it === name);
  const home = await mkdtemp(join(tmpdir(), 'permisos-secrets-home-'));
  const stops = [() => rm(home, { recursive: true })];
  try {
    const secure = await startAws({}, { port: 443, certificates: certificates[cell.certificate ?? 'good'] });
    const plain = await startAws({}, { port: 8080 });
    const agent = await startAws({}, { port: 2773 });
    const container = cell.container ? await startAws({}, { host: '169.254.170.2', port: 80 }) : undefined;
    stops.push(...[secure, plain, agent, container].filter(Boolean).map(({ stop }) => stop));
    await prepare(home, certificates, cell.config?.({ home }));
    const proxy = cell.proxy && (await startForwardProxy(home, cell.proxy));
    if (proxy) stops.push(proxy.stop);
    const options = { region: REGION, ...cell.options };
    if (cell.silent) {
      const { line, stop } = await startPython('full_backlog.py');
      stops.push(stop);
      options.endpointUrl = `https://127.0.0.1:${line}`;
    }
    const trusted = table === 'PROXIES' ? { AWS_CA_BUNDLE: AUTHORITY({ home }) } : {};
    const ways = cell.proxied ? { HTTPS_PROXY: PROXY } : {};
    const variables = { ...trusted, ...ways, ...cell.variables({ url: plain.url, home }) };
    const answer = await ask(place, { home, variables, options });
    const wrong = [];
    if (cell.says) wrong.push(...judgeBad(cell, answer, cell.codes));
    else if (!answer.ok) wrong.push(`it failed: ${answer.code}: ${answer.message}`);
    if (cell.through) {
      const through = await proxy.asked();
      if (through.join() !== cell.through.join())
        wrong.push(
          `through the proxy went ${through.join(', ') || 'nothing'}, not ${cell.through.join(', ') || 'nothing'}`,
        );
    }
    wrong.push(...judgeText(answer));
    return wrong;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** What a user reads in a place, as `{ ok, code, message, text }`. */
async function ask(place, { home, variables, options }) {
  if (place === 'addon' || place === 'tool') return load(place, { home, variables, options });
  if (place === 'check') {
    const config = join(home, 'check.json');
    const all = { environment: 'production', source: 'aws', services: ['database'], timeout: 2, ...options };
    await writeFile(config, JSON.stringify(all));
    const env = { PATH: process.env.PATH, HOME: home, AWS_EC2_METADATA_DISABLED: 'true', ...variables };
    const checked = await tool(['check', '--config', config, '--json'], env);
    const { services: [{ error } = {}] = [] } = JSON.parse(checked.stdout || '{}');
    return { ok: !error, ...checked, ...(error ?? JSON.parse(checked.stderr || '{}').error) };
  }
  // The environment stands in, so that there are secrets whose events and health can be read.
  const env = { DATABASE_URL: 'postgresql://app:app@database.internal/app?sslmode=require' };
  const opened = await load('addon', { home, variables, options: { ...options, environmentFallback: true, env } });
  const [service] = opened.health?.services ?? [];
  const [failure] = opened.failures ?? [];
  const reported =
    place === 'health'
      ? { code: service?.lastError, message: JSON.stringify(service) }
      : { code: failure?.error, message: failure?.message };
  return { ...opened, ...reported, ok: false };
}

/** The files of a home: an authority, alone and in a folder as OpenSSL names it; one without a certificate; a profile. */
async function prepare(home, { authority, foreign }, config) {
  for (const folder of ['empty', 'authorities', '.aws']) await mkdir(join(home, folder));
  await writeFile(join(home, 'authority.pem'), authority);
  await writeFile(join(home, 'authorities/authority.pem'), authority);
  await promisify(execFile)('openssl', ['rehash', join(home, 'authorities')]);
  await writeFile(join(home, 'other.pem'), foreign.cert);
  await writeFile(join(home, 'text.pem'), 'no certificate\n');
  if (config) await writeFile(join(home, '.aws/config'), config);
}

/** Debian's tinyproxy, or a port that accepts and hangs. `asked()` is what it was asked, in order. */
async function startForwardProxy(home, { asks, refuses, hangs }) {
  if (hangs) {
    const sockets = new Set();
    const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(PROXY_PORT, '127.0.0.1');
    await once(server, 'listening');
    return { asked: async () => [], stop: () => (sockets.forEach((socket) => socket.destroy()), server.close()) };
  }
  const [config, log, filter] = ['tinyproxy.conf', 'tinyproxy.log', 'filter'].map((name) => join(home, name));
  const lines = ['Listen 127.0.0.1', `Port ${PROXY_PORT}`, `LogFile "${log}"`, 'LogLevel Connect', 'MaxClients 20'];
  if (asks) lines.push(`BasicAuth ${USER} ${PASSWORD}`);
  if (refuses) lines.push(`Filter "${filter}"`);
  await writeFile(filter, 'amazonaws\n');
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  const child = spawn('tinyproxy', ['-d', '-c', config], { stdio: 'ignore' });
  const text = () => readFile(log, 'utf8').catch(() => '');
  while (!(await isOpen(PROXY_PORT))) {
    if (child.exitCode !== null) throw new Error('tinyproxy did not start');
    await sleep(25);
  }
  return {
    asked: async () =>
      [...(await text()).matchAll(/Request \(file descriptor \d+\): (\S+ \S+) HTTP/g)].map(([, request]) => request),
    async stop() {
      const ended = once(child, 'exit');
      // It holds nothing, and would wait for its connections.
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Whether something listens on a port of this machine. */
function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

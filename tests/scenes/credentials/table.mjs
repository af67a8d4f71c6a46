// The providers of AWS's chain, one row each, and how each cell of the table is run: what the machine holds, what the
// servers answer, and what has to come of it.

import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertNoLeak } from '../../test/environment.mjs';
import { HANGS, secret, startAws } from '../../servers/credentials.mjs';
import { load } from '../../support/product.mjs';

export const OUTCOMES = ['good', 'expired', 'refused', 'hanging'];

const HOUR = 3_600_000;
const ROLE = 'arn:aws:iam::123456789012:role/app';
const CONSOLE = 'arn:aws:iam::123456789012:user/dev';
const START_URL = 'https://corp.awsapps.com/start';
const PROFILE = /profile `?dev\b/;
const SSO_LOGIN = /`aws sso login --profile dev`/;
const INSTANCE = /instance ?metadata/i;
/** By its host, which is this machine here. */
const STS_SILENT = /no answer from 127\.0\.0\.1:\d+ in time|sts:AssumeRole/;
const WEB_IDENTITY = /web.identity/i;
const LOGIN = /`aws login --profile dev`/;

const UNAUTHENTICATED = ['SECRETS_UNAUTHENTICATED'];
const LOST = ['SECRETS_TIMEOUT', 'SECRETS_UNAVAILABLE'];
/** What an outcome is called, unless a cell says otherwise. */
const CODES = { expired: UNAUTHENTICATED, refused: UNAUTHENTICATED, hanging: LOST };
/** Longer than `timeout` by the start of a process on a busy machine; who hangs is ended then, and has no code. */
const BOUND = 20_000;

const time = (ahead) => new Date(Date.now() + ahead).toISOString().replace(/\.\d+Z/, 'Z');
const hex = (algorithm, text) => createHash(algorithm).update(text).digest('hex');
const environment = (id) => ({
  AWS_ACCESS_KEY_ID: id,
  AWS_SECRET_ACCESS_KEY: secret(id),
  AWS_SESSION_TOKEN: secret('session'),
});
const profile = (text, name = 'dev') => `[profile ${name}]\n${text.trim().replace(/^ +/gm, '')}\n`;
const staticKeys = (id) =>
  `aws_access_key_id = ${id}\naws_secret_access_key = ${secret(id)}\naws_session_token = ${secret('session')}`;

/** A token as `aws sso login` leaves it, by what the file is named after. */
export function ssoCache(named, more = {}) {
  const token = {
    startUrl: START_URL,
    region: 'us-east-1',
    accessToken: secret('sso'),
    expiresAt: time(HOUR),
    ...more,
  };
  return { [`.aws/sso/cache/${hex('sha1', named)}.json`]: JSON.stringify(token) };
}
const REFRESHABLE = {
  expiresAt: time(-HOUR),
  clientId: 'client',
  clientSecret: secret('client'),
  refreshToken: secret('sso-refresh'),
  registrationExpiresAt: time(24 * HOUR),
};

/** A session as `aws login` leaves it. */
export function loginCache(ahead, more = {}) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const session = {
    accessToken: {
      accessKeyId: 'ASIALOGIN',
      secretAccessKey: secret('login'),
      sessionToken: secret('login-session'),
      accountId: '123456789012',
      expiresAt: time(ahead),
    },
    tokenType: 'aws_sigv4',
    refreshToken: secret('login-refresh'),
    idToken: secret('login-id'),
    clientId: 'arn:aws:signin:::devtools/same-device',
    dpopKey: privateKey.export({ type: 'sec1', format: 'pem' }),
    ...more,
  };
  return { [`.aws/login/cache/${hex('sha256', CONSOLE)}.json`]: JSON.stringify(session) };
}

/** A program for `credential_process`. */
export const program = (lines) => ({ 'process.sh': `#!/bin/sh\n${lines}\n` });
export const prints = (document) => program(`cat <<'END'\n${JSON.stringify(document)}\nEND`);
export const PROCESS_KEYS = {
  Version: 1,
  AccessKeyId: 'ASIAPROCESS',
  SecretAccessKey: secret('process'),
  SessionToken: secret('process-session'),
};

const SSO = `
  [sso-session corp]
  sso_region = us-east-1
  sso_start_url = ${START_URL}
  sso_registration_scopes = sso:account:access
`.replace(/^ +/gm, '');
export const SSO_PROFILE =
  profile('sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Developer') + SSO;
export const SSO_OLDER = profile(`
  sso_start_url = ${START_URL}
  sso_region = us-east-1
  sso_account_id = 123456789012
  sso_role_name = Developer`);
export const LOGIN_PROFILE = profile(`login_session = ${CONSOLE}`);
export const processProfile = (home) => profile(`credential_process = ${home}/process.sh`);

const DEV = { AWS_PROFILE: 'dev' };
const METADATA = { AWS_EC2_METADATA_DISABLED: 'false' };
const imds = (url) => ({ ...METADATA, AWS_EC2_METADATA_SERVICE_ENDPOINT: url });
const READ_ONLY = 'its keys are read locally, without a call';

/**
 * A row: `variables`, `config` and `files` are what the machine holds (of `{ url, home }`), and so is each cell's own
 * addition. A cell answers for its `script` of the servers; good ones by who signed (`signer`) and what the servers saw
 * (`saw`), the others by their code and what the message `says`. A text instead of a cell is why there is none.
 */
export const PROVIDERS = [
  {
    provider: 'environment',
    variables: () => environment('ASIAENVIRONMENT'),
    good: { signer: 'ASIAENVIRONMENT' },
    expired: { script: { secretsManager: 'expired' }, says: [/environment/i, /expired/i] },
    refused: { script: { secretsManager: 'refused' }, says: [/environment/i, /UnrecognizedClientException/] },
    hanging: READ_ONLY,
  },
  {
    provider: 'profile: keys',
    variables: () => DEV,
    config: () => profile(staticKeys('ASIAPROFILE')),
    good: { signer: 'ASIAPROFILE' },
    expired: { script: { secretsManager: 'expired' }, says: [PROFILE, /expired/i] },
    refused: { script: { secretsManager: 'refused' }, says: [PROFILE, /UnrecognizedClientException/] },
    hanging: READ_ONLY,
  },
  {
    provider: 'profile: source_profile, role',
    variables: () => DEV,
    config: () => profile(`role_arn = ${ROLE}\nsource_profile = base`) + profile(staticKeys('ASIABASE'), 'base'),
    good: { signer: 'ASIAROLE', saw: [{ part: 'sts', action: 'AssumeRole', role: ROLE, signer: 'ASIABASE' }] },
    expired: { script: { sts: 'expired' }, says: [PROFILE, /sts:AssumeRole/, /expired/i] },
    refused: { script: { sts: 'refused' }, says: [PROFILE, /sts:AssumeRole/, /trust policy/] },
    hanging: { script: { sts: HANGS }, says: [PROFILE, STS_SILENT] },
  },
  {
    provider: 'profile: role, Environment',
    variables: () => environment('ASIAENVIRONMENT'),
    options: { profile: 'dev' },
    config: () => profile(`role_arn = ${ROLE}\ncredential_source = Environment`),
    good: { signer: 'ASIAROLE', saw: [{ part: 'sts', role: ROLE, signer: 'ASIAENVIRONMENT' }] },
    expired: { script: { sts: 'expired' }, says: [PROFILE, /sts:AssumeRole/, /expired/i] },
    refused: { script: { sts: 'refused' }, says: [PROFILE, /sts:AssumeRole/, /trust policy/] },
    hanging: { script: { sts: HANGS }, says: [PROFILE, STS_SILENT] },
  },
  {
    provider: 'profile: role, EcsContainer',
    variables: ({ url }) => ({ ...DEV, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container` }),
    config: () => profile(`role_arn = ${ROLE}\ncredential_source = EcsContainer`),
    good: { signer: 'ASIAROLE', saw: [{ part: 'container' }, { part: 'sts', role: ROLE, signer: 'ASIACONTAINER' }] },
    expired: {
      script: { container: 'expired', sts: 'expired' },
      says: [PROFILE, /container|sts:AssumeRole/, /expired/i],
    },
    refused: { script: { container: 'refused' }, says: [PROFILE, /container/i] },
    hanging: { script: { container: HANGS }, says: [PROFILE, /container/i] },
  },
  {
    provider: 'profile: role, Ec2InstanceMetadata',
    variables: ({ url }) => ({ ...DEV, ...imds(url) }),
    config: () => profile(`role_arn = ${ROLE}\ncredential_source = Ec2InstanceMetadata`),
    good: { signer: 'ASIAROLE', saw: [{ part: 'imds' }, { part: 'sts', role: ROLE, signer: 'ASIAIMDS' }] },
    expired: {
      script: { imds: 'expired', sts: 'expired' },
      says: [PROFILE, /instance ?metadata|sts:AssumeRole/i, /expired/i],
    },
    refused: { script: { imds: 'refused' }, says: [PROFILE, INSTANCE, /role/] },
    hanging: { script: { imdsToken: HANGS }, says: [PROFILE, INSTANCE, /hop.limit/] },
  },
  {
    provider: 'profile: credential_process',
    variables: () => DEV,
    config: ({ home }) => processProfile(home),
    files: () => prints(PROCESS_KEYS),
    good: { signer: 'ASIAPROCESS' },
    expired: {
      files: () => prints({ ...PROCESS_KEYS, Expiration: time(-HOUR) }),
      script: { secretsManager: 'expired' },
      says: [PROFILE, /credential_process/, /expired/i],
    },
    refused: {
      files: () => program(`echo '${secret('stdout')}'; echo '${secret('stderr')}' >&2; exit 1`),
      says: [PROFILE, /credential_process/, /status(:| code)? 1\b/, /by hand/],
    },
    hanging: {
      files: ({ home }) => program(`echo $$ > ${home}/pid; exec sleep 60`),
      says: [PROFILE, /credential_process/],
      /** Nothing of it is left behind. */
      after: async ({ home }) => isGone(await readFile(join(home, 'pid'), 'utf8')),
    },
  },
  {
    provider: 'profile: sso_session',
    variables: () => DEV,
    config: () => SSO_PROFILE,
    files: () => ssoCache('corp'),
    good: { signer: 'ASIASSO', saw: [{ part: 'sso', token: secret('sso'), role: 'Developer' }] },
    expired: {
      files: () => ssoCache('corp', { expiresAt: time(-HOUR) }),
      says: [PROFILE, /SSO session `?corp/, /expired/i, SSO_LOGIN],
    },
    refused: { script: { sso: 'refused' }, says: [PROFILE, /SSO|Identity Center/, /ForbiddenException|Developer/] },
    hanging: { script: { sso: HANGS }, says: [PROFILE, /SSO|Identity Center/] },
  },
  {
    provider: 'profile: sso_session, renewed',
    variables: () => DEV,
    config: () => SSO_PROFILE,
    files: () => ssoCache('corp', REFRESHABLE),
    good: {
      signer: 'ASIASSO',
      saw: [
        { part: 'oidc', token: secret('sso-refresh') },
        { part: 'sso', token: secret('sso-renewed') },
      ],
    },
    expired: {
      script: { oidc: 'expired', sso: 'expired' },
      says: [PROFILE, /SSO session `?corp/, /expired/i, SSO_LOGIN],
    },
    refused: { script: { oidc: 'refused', sso: 'expired' }, says: [PROFILE, /SSO session `?corp/, SSO_LOGIN] },
    hanging: {
      script: { oidc: HANGS, sso: 'expired' },
      says: [PROFILE, /SSO|Identity Center/],
      codes: [...LOST, ...UNAUTHENTICATED],
    },
  },
  {
    provider: 'profile: SSO, older form',
    variables: () => DEV,
    config: () => SSO_OLDER,
    files: () => ssoCache(START_URL),
    good: { signer: 'ASIASSO', saw: [{ part: 'sso', token: secret('sso'), role: 'Developer' }] },
    expired: {
      files: () => ssoCache(START_URL, { expiresAt: time(-HOUR) }),
      script: { sso: 'expired' },
      says: [PROFILE, /SSO|Identity Center/, /expired/i, SSO_LOGIN],
    },
    refused: { script: { sso: 'refused' }, says: [PROFILE, /SSO|Identity Center/, /ForbiddenException|Developer/] },
    hanging: { script: { sso: HANGS }, says: [PROFILE, /SSO|Identity Center/] },
  },
  {
    provider: 'profile: login_session',
    variables: () => DEV,
    config: () => LOGIN_PROFILE,
    files: () => loginCache(HOUR),
    good: { signer: 'ASIALOGIN' },
    expired: { files: () => loginCache(-HOUR), script: { signin: 'expired' }, says: [PROFILE, /expired/i, LOGIN] },
    refused: {
      files: () => loginCache(-HOUR),
      script: { signin: 'refused' },
      says: [PROFILE, /login|sign-in/, /CreateOAuth2Token|permission/],
    },
    hanging: { files: () => loginCache(-HOUR), script: { signin: HANGS }, says: [PROFILE, /login|sign-in/] },
  },
  {
    provider: 'profile: login_session, renewed',
    variables: () => DEV,
    config: () => LOGIN_PROFILE,
    files: () => loginCache(-HOUR),
    good: {
      signer: 'ASIALOGINRENEWED',
      saw: [{ part: 'signin', token: secret('login-refresh'), proof: /^[\w-]+\.[\w-]+\.[\w-]+$/ }],
    },
    expired: 'as without renewal',
    refused: 'as without renewal',
    hanging: 'as without renewal',
  },
  {
    provider: 'web identity',
    variables: ({ home }) => ({ AWS_WEB_IDENTITY_TOKEN_FILE: `${home}/token`, AWS_ROLE_ARN: ROLE }),
    files: () => ({ token: secret('web-identity') }),
    good: { signer: 'ASIAWEBIDENTITY', saw: [{ part: 'sts', role: ROLE, token: secret('web-identity') }] },
    expired: { script: { sts: 'expired' }, says: [WEB_IDENTITY, /expired/i] },
    refused: { script: { sts: 'refused' }, says: [WEB_IDENTITY, /sts:AssumeRoleWithWebIdentity/, /trust policy/] },
    hanging: { script: { sts: HANGS }, says: [WEB_IDENTITY, STS_SILENT] },
  },
  {
    provider: 'profile: web identity',
    variables: () => DEV,
    config: ({ home }) => profile(`role_arn = ${ROLE}\nweb_identity_token_file = ${home}/token`),
    files: () => ({ token: secret('web-identity') }),
    good: { signer: 'ASIAWEBIDENTITY', saw: [{ part: 'sts', role: ROLE, token: secret('web-identity') }] },
    expired: { script: { sts: 'expired' }, says: [PROFILE, WEB_IDENTITY, /expired/i] },
    refused: {
      script: { sts: 'refused' },
      says: [PROFILE, WEB_IDENTITY, /sts:AssumeRoleWithWebIdentity/, /trust policy/],
    },
    hanging: { script: { sts: HANGS }, says: [PROFILE, WEB_IDENTITY, STS_SILENT] },
  },
  {
    provider: 'container: relative URI',
    network: { host: '169.254.170.2', port: 80 },
    variables: () => ({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/container' }),
    good: { signer: 'ASIACONTAINER', saw: [{ part: 'container' }] },
    expired: { script: { container: 'expired', secretsManager: 'expired' }, says: [/container/i, /expired/i] },
    refused: { script: { container: 'refused' }, says: [/container/i, /401/] },
    hanging: { script: { container: HANGS }, says: [/container/i] },
  },
  {
    provider: 'container: full URI, token',
    variables: ({ url }) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: secret('container'),
    }),
    good: { signer: 'ASIACONTAINER', saw: [{ part: 'container', token: secret('container') }] },
    expired: { script: { container: 'expired', secretsManager: 'expired' }, says: [/container/i, /expired/i] },
    refused: { script: { container: 'refused' }, says: [/container/i, /401/] },
    hanging: { script: { container: HANGS }, says: [/container/i] },
  },
  {
    provider: 'container: EKS Pod Identity',
    variables: ({ url, home }) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${home}/token`,
    }),
    files: () => ({ token: secret('pod') }),
    good: { signer: 'ASIACONTAINER', saw: [{ part: 'container', token: secret('pod') }] },
    expired: { script: { container: 'expired', secretsManager: 'expired' }, says: [/container/i, /expired/i] },
    refused: { script: { container: 'refused' }, says: [/container/i, /401/] },
    hanging: { script: { container: HANGS }, says: [/container/i] },
  },
  {
    provider: 'instance metadata',
    variables: ({ url }) => imds(url),
    good: {
      signer: 'ASIAIMDS',
      saw: [
        { part: 'imdsToken', method: 'PUT' },
        { part: 'imds', token: secret('imds') },
      ],
    },
    expired: { script: { imds: 'expired', secretsManager: 'expired' }, says: [INSTANCE, /expired/i] },
    refused: { script: { imds: 'refused' }, says: [INSTANCE, /role/] },
    hanging: { script: { imdsToken: HANGS }, says: [INSTANCE, /hop.limit/] },
  },
];

/** The cell's name, or why there is none. */
export const missing = (row, outcome) => (typeof row[outcome] === 'string' ? row[outcome] : undefined);

/** Runs a cell of the table; answers what is wrong with it, in words. */
export function runCell(provider, outcome, runtime) {
  const { network, ...row } = PROVIDERS.find((row) => row.provider === provider);
  return check(
    { ...row, ...row[outcome], files: (place) => ({ ...row.files?.(place), ...row[outcome].files?.(place) }) },
    outcome,
    runtime,
    network,
  );
}

/** Runs what a row and a cell make together; answers what is wrong, in words. */
export async function check(cell, outcome, runtime, network) {
  const home = await mkdtemp(join(tmpdir(), 'permisos-secrets-home-'));
  const aws = await startAws(cell.script, network);
  try {
    const place = { url: aws.url, home };
    const files = { ...cell.files?.(place), ...(cell.config && { '.aws/config': cell.config(place) }) };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(home, name)), { recursive: true });
      await writeFile(join(home, name), text);
      if (name.endsWith('.sh')) await chmod(join(home, name), 0o755);
    }
    const services = Object.fromEntries(
      ['SSO', 'SSO_OIDC', 'SIGNIN', 'STS'].map((name) => [`AWS_ENDPOINT_URL_${name}`, aws.url]),
    );
    const variables = { ...services, ...cell.variables?.(place) };
    const options = { endpointUrl: aws.url, ...cell.options };
    const answer = await load(runtime, { home, variables, options, bound: BOUND });
    const wrong =
      outcome === 'good' ? judgeGood(cell, answer, aws.requests) : judgeBad(cell, answer, cell.codes ?? CODES[outcome]);
    wrong.push(...judgeText(answer));
    const left = await cell.after?.(place);
    return left ? [...wrong, left] : wrong;
  } finally {
    aws.stop();
    await rm(home, { recursive: true });
  }
}

export function judgeGood({ signer, saw = [] }, { ok, code, message }, requests) {
  if (!ok) return [`it failed: ${code}: ${message}`];
  const wrong = [];
  const signers = requests.filter(({ part }) => part === 'secretsManager').map(({ signer }) => signer);
  if (signers.some((it) => it !== signer) || signers.length === 0) wrong.push(`signed by ${signers}, not by ${signer}`);
  for (const expected of saw) {
    const isLike = (seen) =>
      Object.entries(expected).every(([k, v]) => (v instanceof RegExp ? v.test(seen[k]) : seen[k] === v));
    // What was sent may be a secret: it is not shown.
    if (!requests.some(isLike)) wrong.push(`the request to ${expected.part} did not come as expected`);
  }
  return wrong;
}

export function judgeBad({ says }, { ok, code, message = '', exit, took }, codes) {
  if (ok) return ['it succeeded'];
  if (!code) return [`it ended by ${exit} after ${Math.round(took)} ms, without an error of its own`];
  const wrong = codes.includes(code) ? [] : [`the code is ${code}, not ${codes.join(' or ')}`];
  const unsaid = says.filter((words) => !words.test(message));
  if (unsaid.length > 0) wrong.push(`${unsaid.join(' and ')} not said by: ${message}`);
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(message)) wrong.push('the message steers a terminal');
  return wrong;
}

/** What no run may print, well or not. */
export function judgeText({ text }) {
  const wrong = text.includes('panicked at') ? ['it panicked'] : [];
  try {
    assertNoLeak(text, 'what is printed');
  } catch ({ message }) {
    wrong.push(message);
  }
  return wrong;
}

/** Whether a process ended, soon. */
async function isGone(pid) {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      return undefined;
    }
    await sleep(100);
  }
  process.kill(Number(pid), 'SIGKILL');
  return 'the process was left behind';
}

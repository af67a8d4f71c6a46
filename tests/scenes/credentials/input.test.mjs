// What stands wrong in the files and variables of AWS's configuration, in what a process prints and in a cache of tokens:
// one clear error each, in time, and nothing of what was read is shown.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { secret } from '../../servers/credentials.mjs';
import {
  LOGIN_PROFILE,
  PROCESS_KEYS,
  SSO_OLDER,
  SSO_PROFILE,
  check,
  loginCache,
  prints,
  processProfile,
  program,
  ssoCache,
} from './table.mjs';
import { RUNTIMES } from '../../support/product.mjs';

const HOUR = 3_600_000;
const ROLE = 'arn:aws:iam::123456789012:role/app';
const MISSING = /is not in|not exist/;
const PROFILE = /profile `?dev\b/;
const SSO_LOGIN = /`aws sso login --profile dev`/;
const LOGIN = /`aws login --profile dev`/;
const PROCESS = [PROFILE, /credential_process/, /by hand/];
const DEV = { AWS_PROFILE: 'dev' };
const { SecretAccessKey: _, ...WITHOUT_SECRET } = PROCESS_KEYS;
const { Version: __, ...WITHOUT_VERSION } = PROCESS_KEYS;

/** A field of what `aws login` left, changed. */
const login = (more) => ({ files: () => loginCache(HOUR, more), config: () => LOGIN_PROFILE, variables: () => DEV });
const sso = (files, config = SSO_PROFILE) => ({ files: () => files, config: () => config, variables: () => DEV });
const process_ = (files) => ({
  files: (place) => files(place),
  config: ({ home }) => processProfile(home),
  variables: () => DEV,
});
const config = (text) => ({ config: () => text, variables: () => DEV });
const variables = (of) => ({ variables: of });

/** Each: what it is called, what the machine holds, what the message says. */
const INPUTS = [
  // Configuration files
  ['a section that does not end', config('[profile dev\nregion = us-east-1\n'), [/\.aws\/config/, /line 1\b/]],
  ['a line that is no property', config(`[profile dev]\n${secret('stray')}\n`), [/\.aws\/config/, /line 2\b/]],
  ['a profile that does not exist', config('[profile other]\nregion = us-east-1\n'), [PROFILE, MISSING]],
  [
    'a profile that does not exist, by the option',
    { ...config(''), variables: () => ({}), options: { profile: 'dev' } },
    [PROFILE, MISSING],
  ],
  ['a profile without credentials', config('[profile dev]\nregion = us-east-1\n'), [PROFILE]],
  [
    'a key without its secret',
    config('[profile dev]\naws_access_key_id = ASIAHALF\n'),
    [PROFILE, /aws_secret_access_key/],
  ],
  [
    'a source_profile that does not exist',
    config(`[profile dev]\nrole_arn = ${ROLE}\nsource_profile = base\n`),
    [PROFILE, /base/, MISSING],
  ],
  [
    'profiles in a circle',
    config(
      `[profile dev]\nrole_arn = ${ROLE}\nsource_profile = b\n[profile b]\nrole_arn = ${ROLE}\nsource_profile = dev\n`,
    ),
    [/`dev`/, /source_profile/],
  ],
  [
    'a role without a source',
    config(`[profile dev]\nrole_arn = ${ROLE}\n`),
    [PROFILE, /source_profile/, /credential_source/],
  ],
  [
    'an unknown credential_source',
    config(`[profile dev]\nrole_arn = ${ROLE}\ncredential_source = Fantasy\n`),
    [PROFILE, /credential_source/],
  ],
  ['an sso_session that does not exist', config(SSO_PROFILE.split('[sso-session')[0]), [PROFILE, /corp/]],
  [
    'an sso_session without a region',
    sso(ssoCache('corp'), SSO_PROFILE.replace(/sso_region.*\n/, '')),
    [PROFILE, /sso_region/],
  ],
  [
    'SSO without a role',
    sso(ssoCache('corp'), SSO_PROFILE.replace(/sso_role_name.*\n/, '')),
    [PROFILE, /sso_role_name/],
  ],
  [
    'SSO without account and role',
    sso(ssoCache('corp'), SSO_PROFILE.replace(/sso_(role_name|account_id).*\n/g, '')),
    [PROFILE, /sso_account_id/],
  ],
  // Variables
  ['nothing', variables(() => ({})), [/AWS_PROFILE/, /AWS_ACCESS_KEY_ID/]],
  [
    'a key in a variable without its secret',
    variables(() => ({ AWS_ACCESS_KEY_ID: 'ASIAHALF' })),
    [/AWS_SECRET_ACCESS_KEY/],
  ],
  [
    'a profile name that steers a terminal',
    variables(() => ({ AWS_PROFILE: 'dev\u001b[31m\u0007' })),
    [/profile/, MISSING],
  ],
  [
    'a web identity token that is not there',
    variables(({ home }) => ({ AWS_WEB_IDENTITY_TOKEN_FILE: `${home}/none`, AWS_ROLE_ARN: ROLE })),
    [/web.identity/i, /AWS_WEB_IDENTITY_TOKEN_FILE|\/none/],
  ],
  [
    'a web identity token without a role',
    variables(({ home }) => ({ AWS_WEB_IDENTITY_TOKEN_FILE: `${home}/none` })),
    [/AWS_ROLE_ARN/],
  ],
  [
    'a container host that may not be asked',
    variables(() => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://192.0.2.1/container' })),
    [/container/i, /FULL_URI/],
  ],
  [
    'a container token that is not there',
    variables(({ url, home }) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${home}/none`,
    })),
    [/container/i, /AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE|\/none/],
  ],
  // A process
  ['a process that prints no JSON', process_(() => program(`echo 'no JSON: ${secret('text')}'`)), PROCESS],
  ['a process that prints nothing', process_(() => program('true')), PROCESS],
  ['a process that prints 10 MB', process_(() => program(`yes '${secret('line')}' | head -c 10000000`)), PROCESS],
  [
    'a process that prints without end',
    process_(() => program(`exec yes '${secret('line')}'`)),
    [PROFILE, /credential_process/],
  ],
  ['a process that prints no Version', process_(() => prints(WITHOUT_VERSION)), [...PROCESS, /Version/]],
  [
    'a process that prints another Version',
    process_(() => prints({ ...PROCESS_KEYS, Version: 2 })),
    [...PROCESS, /Version/i],
  ],
  ['a process that prints no secret', process_(() => prints(WITHOUT_SECRET)), [...PROCESS, /SecretAccessKey/]],
  [
    'a process that prints no time',
    process_(() => prints({ ...PROCESS_KEYS, Expiration: secret('soon') })),
    [...PROCESS, /Expiration/],
  ],
  ['a process that is not there', process_(() => ({})), [PROFILE, /credential_process/, /127|not found|not there/]],
  ['a process that is killed', process_(() => program('kill -9 $$')), [PROFILE, /credential_process/, /signal|137/]],
  // Tokens in a cache
  ['no SSO token', sso({}), [PROFILE, /corp/, SSO_LOGIN]],
  ['no SSO token, older form', sso({}, SSO_OLDER), [PROFILE, SSO_LOGIN]],
  [
    'an SSO token of another start URL, older form',
    sso(ssoCache('https://other.awsapps.com/start'), SSO_OLDER),
    [PROFILE, SSO_LOGIN],
  ],
  [
    'an SSO token of another start URL',
    { ...sso(ssoCache('corp', { startUrl: 'https://other.awsapps.com/start' })), script: { sso: 'expired' } },
    [PROFILE, /corp/, SSO_LOGIN],
  ],
  [
    'an SSO token that is no JSON',
    sso({ [Object.keys(ssoCache('corp'))[0]]: secret('torn') }),
    [PROFILE, /corp/, SSO_LOGIN],
  ],
  ['an SSO token without its token', sso(ssoCache('corp', { accessToken: undefined })), [PROFILE, /corp/, SSO_LOGIN]],
  ['an SSO token without a time', sso(ssoCache('corp', { expiresAt: secret('soon') })), [PROFILE, /corp/, SSO_LOGIN]],
  [
    'no SSO token of the default profile',
    { config: () => SSO_PROFILE.replace('profile dev', 'default'), variables: () => ({}) },
    [/profile `?default/, /`aws sso login( --profile default)?`/],
  ],
  ['no session of aws login', config(LOGIN_PROFILE), [PROFILE, LOGIN]],
  [
    'a session of aws login that is no JSON',
    { ...login(), files: () => ({ [Object.keys(loginCache(HOUR))[0]]: secret('torn') }) },
    [PROFILE, LOGIN],
  ],
  ['a session of aws login without its keys', login({ accessToken: undefined }), [PROFILE, LOGIN]],
  [
    'a session of aws login whose key is none',
    { ...login(), files: () => loginCache(-HOUR, { dpopKey: secret('key') }) },
    [PROFILE, LOGIN],
  ],
];

describe('bad input of AWS', { concurrency: 4 }, () => {
  for (const [name, cell, says] of INPUTS) {
    for (const runtime of RUNTIMES) {
      test(`${name}: ${runtime}`, async () => {
        const codes = [
          'SECRETS_UNAUTHENTICATED',
          'SECRETS_CONFIG_INVALID',
          ...(name.includes('without end') ? ['SECRETS_TIMEOUT'] : []),
        ];
        assert.deepEqual(await check({ ...cell, says, codes }, 'bad', runtime), []);
      });
    }
  }
});

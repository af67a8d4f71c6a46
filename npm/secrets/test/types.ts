// Compiled as an ES module and as CommonJS, never run: the types are the test.

import {
  type ConfigOf,
  type DatabaseConfig,
  Secrets,
  SecretsError,
  defineSecret,
  getDatabaseConfig,
  getMonitoringConfig,
  getSecret,
  initializeSecrets,
  onSecretsEvent,
  withDatabaseRetry,
} from '@permisos/secrets';

const whatsapp = defineSecret('whatsapp/api', {
  fields: {
    token: { minLength: 8, variable: 'WHATSAPP_TOKEN' },
    url: { type: 'url' },
    retries: { type: 'integer', required: false },
    sandbox: { type: 'boolean' },
    mode: { enum: ['live', 'test'] },
    locale: { enum: ['es', 'en'], required: false },
    phone: { pattern: '^[0-9]+$', maxLength: 20 },
  },
});

const analytics = defineSecret('analytics/api', { optional: true, fields: { token: {} } });
const needed = defineSecret('needed/api', { optional: false, fields: { token: { required: true } } });
declare const isRequired: boolean;
const perhaps = defineSecret('perhaps/api', { optional: isRequired, fields: { token: { required: isRequired } } });

/** Holds where both types are the same, `undefined` and readonly included. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isSame = <A, B>(_same: Same<A, B>): void => {};

export async function compiles(): Promise<void> {
  const secrets: Secrets = await initializeSecrets({ secrets: [whatsapp], ttl: 60, services: ['database'] });
  const config = getSecret(whatsapp);
  const token: string = config.token;
  const url: string = config.url;
  const sandbox: boolean = config.sandbox;
  const retries: number | undefined = config.retries;
  const same: ConfigOf<typeof whatsapp.fields> = secrets.getSecret(whatsapp);
  const database: DatabaseConfig = getDatabaseConfig();
  const port: number = secrets.read('database').config.port;
  const ca: string | undefined = database.ssl?.ca;
  const key: string | undefined = getMonitoringConfig()['sentryDsn'];
  const loggedIn: number = await withDatabaseRetry(async ({ host }) => host.length);
  secrets.on('rotated', ({ from, to }) => from === to);
  onSecretsEvent((event) => {
    if (event.type === 'failed') event.retryInMs.toFixed();
  });
  void [token, url, sandbox, retries, same, port, ca, key, loggedIn];

  isSame<typeof config.mode, 'live' | 'test'>(true);
  isSame<typeof config.locale, 'es' | 'en' | undefined>(true);
  isSame<typeof config.retries, number | undefined>(true);
  isSame<typeof config.phone, string>(true);
  const tracked: string | undefined = getSecret(analytics)?.token;
  const required: string = getSecret(needed).token;
  const maybe: string | undefined = getSecret(perhaps)?.token;
  void [tracked, required, maybe];
  // @ts-expect-error an optional secret may be absent
  void getSecret(analytics).token;
  // @ts-expect-error so may one that is optional in some places
  void getSecret(perhaps).token;
  // @ts-expect-error a value that the field cannot have
  void (config.mode === 'prod');
  // @ts-expect-error no such part of a field
  defineSecret('wrong/api', { fields: { token: { maxlength: 3 } } });
  // @ts-expect-error no such part of a definition
  defineSecret('wrong/api', { required: false, fields: { token: {} } });

  // @ts-expect-error a config is read-only
  database.password = 'other';
  // @ts-expect-error no such field
  void config.nothing;
  // @ts-expect-error no such option
  await initializeSecrets({ sorce: 'aws' });
  // @ts-expect-error no such service
  await initializeSecrets({ services: ['databse'] });
  // @ts-expect-error an optional field may be missing
  const present: number = config.retries;
  void present;

  try {
    await secrets.refresh('database');
  } catch (error) {
    if (error instanceof SecretsError && error.code === 'SECRETS_NOT_FOUND') void error.violations[0]?.path;
  }
}

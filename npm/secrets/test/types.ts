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
  },
});

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

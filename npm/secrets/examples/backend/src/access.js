/** Who may do what: accounts by session, other services of ours by key. */

const { RedisStore } = require('connect-redis');
const { unsign } = require('cookie-signature');
const session = require('express-session');
const { initializeSecrets, refreshSecret } = require('@permisos/secrets');
const { sessionSecrets } = require('@permisos/secrets/express-session');
const { createRedis } = require('@permisos/secrets/ioredis');
const database = require('./database');
const { hash, isRight, isSame } = require('./passwords');
const settings = require('./settings');

const redis = createRedis();
redis.on('error', (error) => console.error(`redis: ${error.message}`));

/** Of an account that is not there: it takes as long to look at. */
const NONE = hash('');

const secrets = sessionSecrets();
const COOKIE = 'permits.sid';

/**
 * After a rotation another process may sign with the new secret before this one has it: then this one fetches it. The library
 * does so at most once a second, so forged cookies cause no more calls.
 */
async function catchUp(request, _response, next) {
  const [, value] = new RegExp(`(?:^|; *)${COOKIE}=s%3A([^;]+)`).exec(request.headers.cookie ?? '') ?? [];
  // What comes of it is in the events.
  if (value && !isOurs(value)) await refreshSecret('security').catch(() => {});
  next();
}

function isOurs(value) {
  try {
    return secrets.some((secret) => unsign(decodeURIComponent(value), secret) !== false);
  } catch {
    return true; // Not even encoded as a cookie is: express-session ignores it.
  }
}

module.exports = {
  close: () => redis.quit(),
  /** The list of secrets is the current one at each request: a rotation logs no user out. */
  sessions: [catchUp, session({
    name: COOKIE,
    secret: secrets,
    store: new RedisStore({ client: redis, prefix: 'session:' }),
    resave: false,
    saveUninitialized: false,
    // Each answer signs the cookie again: with the newest secret.
    rolling: true,
    cookie: { httpOnly: true, sameSite: 'lax', secure: settings.isProduction ? 'auto' : false },
  })],
  async login(request, response) {
    const { email = '', password = '' } = request.body ?? {};
    const { rows: [account] } = await database.query('SELECT * FROM accounts WHERE email = $1', [email]);
    const isKnown = await isRight(String(password), account?.password_hash ?? (await NONE));
    if (!account || !isKnown) {
      return response.status(401).json({ error: 'unknown e-mail address or wrong password' });
    }
    // Another id: one that was set before the login is not to be trusted.
    await new Promise((resolve, reject) => request.session.regenerate((error) => (error ? reject(error) : resolve())));
    request.session.account = { id: account.id, email: account.email, isOperator: account.is_operator };
    response.redirect(303, account.is_operator ? '/status' : '/me');
  },
  requireAccount(request, response, next) {
    if (request.session.account) return next();
    response.status(401).json({ error: 'log in first' });
  },
  requireOperator(request, response, next) {
    if (request.session.account?.isOperator) return next();
    response.redirect(303, '/login');
  },
  /** The key before a rotation is honoured while the callers follow. */
  async requireService(request, response, next) {
    const { config, previous } = (await initializeSecrets()).read('security');
    const key = request.get('x-internal-api-key') ?? '';
    if ([config, previous].some((it) => it && isSame(key, it.internalApiKey))) return next();
    response.status(401).json({ error: 'unknown key' });
  },
};

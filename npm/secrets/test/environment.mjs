// What the tests share: a complete environment whose every value is a canary, and a probe for it.

import assert from 'node:assert/strict';

/** Forty characters that occur nowhere else. */
const CANARY = 'Zq7Xw9Kv3Jp5Hy8Gf2Dn4Ms6Lb1Rt0Cc9Ea7Ui5O';

export const ENVIRONMENT = {
  DATABASE_URL: `postgresql://${CANARY}u:${CANARY}@database.internal:5433/permisos?sslmode=require`,
  REDIS_URL: `rediss://:${CANARY}@cache.internal:6380/2`,
  SESSION_SECRET: `${CANARY}s`,
  JWT_SECRET: `${CANARY}j`,
  INTERNAL_API_KEY: CANARY,
  STRIPE_PUBLIC_KEY: `pk_test_${CANARY}`,
  STRIPE_PRIVATE_KEY: `sk_test_${CANARY}`,
  STRIPE_WEBHOOK_SECRET: `whsec_${CANARY}`,
  EMAIL_USER: CANARY,
  EMAIL_PASS: CANARY,
  EMAIL_FROM: `${CANARY}@permisos.mx`,
  EMAIL_HOST: 'smtp.internal',
  GOVT_USERNAME: CANARY,
  GOVT_PASSWORD: CANARY,
  GOVT_SITE_LOGIN_URL: `https://portal.gob.mx/${CANARY}`,
  SENTRY_DSN: `https://${CANARY}@sentry.io/1`,
  WHATSAPP_TOKEN: CANARY,
};

/** Fails if the text holds four characters of the canary in a row. */
export function assertNoLeak(text, where) {
  for (let start = 0; start + 4 <= CANARY.length; start++) {
    assert.ok(!text.includes(CANARY.slice(start, start + 4)), `${where} shows a part of a secret`);
  }
}

export { CANARY };

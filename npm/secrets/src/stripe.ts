/** Stripe: a client that signs each request with the current key, and webhooks verified with every secret that is honoured. */

import Stripe from 'stripe';

import { source } from './follow.js';
import type { Secrets } from './index.js';

/** Stripe's options, but who is asking. */
export type StripeOptions = Omit<NonNullable<ConstructorParameters<typeof Stripe>[1]>, 'authenticator'>;

/**
 * A Stripe client that reads the private key at each request.
 *
 * ```js
 * import { createStripe } from '@permisos/secrets/stripe';
 *
 * const stripe = createStripe(); // Stripe's options, such as { maxNetworkRetries: 2 }
 * ```
 */
export function createStripe(options: StripeOptions = {}, secrets?: Secrets): Stripe {
  const authenticator: NonNullable<NonNullable<ConstructorParameters<typeof Stripe>[1]>['authenticator']> = async (request) => {
    request.headers['Authorization'] = `Bearer ${source(secrets).getStripeConfig().privateKey}`;
  };
  return new Stripe(undefined as unknown as string, { ...options, authenticator });
}

/**
 * The event of a webhook, if its signature is of the current webhook secret, or of the one before while that is honoured.
 *
 * ```js
 * app.post('/webhook', express.raw({ type: 'application/json' }), (request, response) => {
 *   const event = constructEvent(request.body, request.headers['stripe-signature']);
 * });
 * ```
 * @throws Stripe's `StripeSignatureVerificationError`.
 */
export function constructEvent(
  payload: Buffer | string,
  signature: Buffer | string | string[] | undefined,
  options: { tolerance?: number; secrets?: Secrets } = {},
): Stripe.Event {
  const { config, previous } = source(options.secrets).read('stripe');
  const verify = (secret: string): Stripe.Event =>
    Stripe.webhooks.constructEvent(payload, signature ?? '', secret, options.tolerance);
  try {
    return verify(config.webhookSecret);
  } catch (error) {
    if (!previous || previous.webhookSecret === config.webhookSecret) throw error;
    return verify(previous.webhookSecret);
  }
}

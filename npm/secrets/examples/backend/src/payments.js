/** Stripe: payments, and the webhooks in which it reports them. */

const { constructEvent, createStripe } = require('@permisos/secrets/stripe');
const { getStripeConfig } = require('@permisos/secrets');
const database = require('./database');
const { stripeUrl } = require('./settings');

const local = stripeUrl && { host: stripeUrl.hostname, port: stripeUrl.port, protocol: stripeUrl.protocol.slice(0, -1) };
const stripe = createStripe({ maxNetworkRetries: 2, ...local });

module.exports = {
  /** What a browser needs. */
  publicKey: () => getStripeConfig().publicKey,
  async pay(permit, amount) {
    const payment = await stripe.paymentIntents.create({ amount, currency: 'mxn', metadata: { permit } });
    await database.query('UPDATE permits SET payment = $2 WHERE id = $1', [permit, payment.status]);
    return { id: payment.id, status: payment.status };
  },
  /** Takes an event of Stripe's; an error if its signature is not theirs. */
  async receive(body, signature) {
    const { type, data } = constructEvent(body, signature);
    const { permit } = data.object.metadata;
    if (type === 'payment_intent.succeeded') {
      await database.query("UPDATE permits SET payment = 'confirmed' WHERE id = $1", [permit]);
    }
  },
};

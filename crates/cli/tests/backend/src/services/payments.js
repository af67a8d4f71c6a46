'use strict';

const environment = process.env;

exports.client = () => stripe(environment.STRIPE_PRIVATE_KEY, { timeout: 5000 });
exports.publishable = () => environment.STRIPE_PUBLIC_KEY ?? null;
exports.webhook = (body, signature) => verify(body, signature, environment?.STRIPE_WEBHOOK_SECRET);
exports.slack = async (text) => {
  if (!process.env.SLACK_WEBHOOK_URL) return;
  await fetch(process.env.SLACK_WEBHOOK_URL, { method: 'POST', body: text });
};

'use strict';

// Helpers by which a part of this backend reads its variables.

function env(name, fallback) {
  const value = process.env[name];
  return value === undefined || value === '' ? fallback : value;
}

const envInt = (name, fallback) => Number.parseInt(env(name, fallback), 10);

function envBool(name, fallback = false) {
  return ['1', 'true'].includes(String(env(name, fallback)).toLowerCase());
}

function requireEnv(...names) {
  const missing = names.filter((name) => !process.env[name]);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
}

module.exports = { env, envInt, envBool, requireEnv };

'use strict';

const jwt = require('jsonwebtoken');

const secret = process.env.SESSION_SECRET;
// The tests set this one themselves.
// permisos-secrets-ignore
const test = process.env.JWT_SECRET;

exports.session = (session) => session({ secret, resave: false });
exports.sign = (user) => jwt.sign({ user }, process.env.JWT_SECRET, { expiresIn: process.env.JWT_EXPIRES_IN });
exports.internal = (request) => request.get('X-Internal-Api-Key') === process.env.INTERNAL_API_KEY;
exports.crypt = () => Buffer.from(process.env.ENCRYPTION_KEY ? process.env.ENCRYPTION_KEY : '', 'hex');
exports.test = test;

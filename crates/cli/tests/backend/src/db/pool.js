'use strict';

const { Pool } = require('pg');
const { envInt } = require('../config/env');

class Database {
  name = process.env.DB_NAME;
  static url = process.env['DATABASE_URL'];

  constructor() {
    this.password = process.env.DB_PASSWORD || (() => { throw new Error('DB_PASSWORD is missing'); })();
    this.port = envInt('DB_PORT', 5432);
  }

  connect() {
    return new Pool({ user: process.env.DB_USER, password: this.password, port: this.port });
  }
}

module.exports = new Database();

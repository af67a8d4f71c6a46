'use strict';

class WhatsApp {
  constructor() {
    const { WHATSAPP_ACCESS_TOKEN: token, WHATSAPP_APP_SECRET = '', ...others } = process.env;
    this.token = token;
    this.secret = WHATSAPP_APP_SECRET;
    this.others = Object.keys(others).length;
  }

  verify(token) {
    return token === process.env.WHATSAPP_VERIFY_TOKEN;
  }
}

module.exports = WhatsApp;

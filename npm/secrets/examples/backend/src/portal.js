/** The government's portal: a login by form, then a page for each plate. */

const { getGovernmentPortalConfig, refreshSecret } = require('@permisos/secrets');

class Portal {
  #cookie;

  /** Whether the portal knows a plate. */
  async look(plate) {
    const page = await this.#page(`/plates/${encodeURIComponent(plate)}`);
    return { isRegistered: page.includes('registered') };
  }

  async #page(path, isAgain = false) {
    this.#cookie ??= await this.#login();
    const cookie = this.#cookie;
    const answer = await fetch(new URL(path, getGovernmentPortalConfig().loginUrl), { headers: { cookie } });
    if (answer.ok) return answer.text();
    if (answer.status !== 401 || isAgain) throw new Error(`the portal answered HTTP ${answer.status}`);
    // The session has ended.
    if (this.#cookie === cookie) this.#cookie = undefined;
    return this.#page(path, true);
  }

  async #login() {
    const config = getGovernmentPortalConfig();
    const answer = await submit(config);
    if (answer.status !== 401) return cookieOf(answer);
    // The password may just have been changed: once more with the newest.
    await refreshSecret('government-portal');
    return cookieOf(await submit(getGovernmentPortalConfig()));
  }
}

/** Read at the moment of use: what a constructor keeps does not follow a rotation. */
function submit({ loginUrl, username, password }) {
  return fetch(loginUrl, { method: 'POST', body: new URLSearchParams({ username, password }), redirect: 'manual' });
}

function cookieOf(answer) {
  if (answer.status !== 303) throw new Error(`the portal refused the login: HTTP ${answer.status}`);
  return answer.headers.get('set-cookie').split(';')[0];
}

module.exports = new Portal();

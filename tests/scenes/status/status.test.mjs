// The status page in a real browser: readable in light and dark, narrow and wide, and up to date by itself.
// PERMISOS_SCREENSHOTS names a folder in which to keep what it looks like.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { statusPage } from '@permisos/secrets/express';
import express from 'express';
import puppeteer from 'puppeteer-core';
import { States } from '../../test/states.mjs';

const { PERMISOS_SCREENSHOTS } = process.env;
let browser;
let server;
let states;
let url;
let isSignedIn = true;

before(async () => {
  states = new States();
  const page = statusPage({ refresh: 1, secrets: states });
  for (let count = 0; count < 24; count++) states.happen();
  const application = express().get('/status', (_, response, next) => (isSignedIn ? next() : response.sendStatus(401)), page);
  server = createServer(application).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}/status`;
  // Chromium refuses to be root in a sandbox. It asks nobody but this server.
  const args = ['--no-sandbox', '--disable-background-networking', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];
  browser = await puppeteer.launch({ executablePath: '/usr/bin/chromium', args });
});

after(async () => {
  await browser?.close();
  server.closeAllConnections();
  server.close();
});

/** A tab; what its console says is a failure, since the browser reports there what the policy forbids. */
async function open(t, { width = 1280, scheme = 'light' } = {}) {
  const tab = await browser.newPage();
  const said = [];
  tab.on('console', (message) => said.push(message.text()));
  tab.on('pageerror', (error) => said.push(error.message));
  t.after(() => tab.close());
  await tab.setViewport({ width, height: 900 });
  await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await tab.goto(url);
  return { tab, said };
}

for (const scheme of ['light', 'dark']) {
  for (const width of [360, 1280]) {
    test(`accessible in ${scheme}, ${width} pixels wide, without scrolling sideways`, async (t) => {
      const { tab, said } = await open(t, { scheme, width });
      await tab.evaluate(() => document.getElementById('earlier').setAttribute('open', ''));
      if (PERMISOS_SCREENSHOTS) await tab.screenshot({ path: join(PERMISOS_SCREENSHOTS, `status-${scheme}-${width}.png`), fullPage: true });
      assert.equal(await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
      const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
      const { violations, incomplete, passes } = await tab.evaluate(`${axe}; axe.run()`);
      assert.deepEqual([...violations, ...incomplete].map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
      assert.ok(passes.some(({ id }) => id === 'color-contrast'));
      assert.deepEqual(said, []);
    });
  }
}

test('the page updates itself, keeps what is open, and can be paused', async (t) => {
  const { tab, said } = await open(t);
  const shows = (text) => tab.waitForFunction((text) => document.body.innerText.includes(text), { timeout: 10_000 }, text);
  await tab.click('summary');
  states.status = 'healthy';
  await tab.waitForFunction(() => document.title === 'healthy: secrets of production', { timeout: 10_000 });
  assert.equal(await tab.evaluate(() => document.getElementById('earlier').open), true);
  assert.equal(await tab.evaluate(() => document.activeElement.tagName), 'SUMMARY');
  await tab.click('#pause');
  await shows('Updates are paused');
  states.status = 'degraded';
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.match(await tab.title(), /^healthy/);
  await tab.click('#pause');
  await tab.waitForFunction(() => document.title.startsWith('degraded'), { timeout: 10_000 });
  assert.deepEqual(said, []);
  isSignedIn = false;
  await shows('you are signed out');
  isSignedIn = true;
  await shows('Updates every 1 s');
});

/** What the status page looks like, and how it updates itself. Constants: the page's policy allows them by their hashes. */

/** Each has a shape of its own, so that no colour has to be seen. */
const SHAPES = {
  // States.
  fresh: '<circle cx="7" cy="7" r="6" fill="currentColor"/><path class="cut" d="m4 7 2.2 2.2L10 5"/>',
  missing: '<circle cx="7" cy="7" r="5" class="line"/>',
  // States and events.
  failed: '<path class="line" d="m2.5 2.5 9 9m0-9-9 9"/>',
  fallback: '<path fill="currentColor" d="M1.5 1.5h11v11h-11z"/><path class="cut" d="M4 7h6"/>',
  stale: '<circle cx="7" cy="7" r="6" fill="currentColor"/><path class="cut" d="M7 3.5V7l2.5 1.5"/>',
  // Events.
  invalid: '<path fill="currentColor" d="M4.5 1h5L13 4.5v5L9.5 13h-5L1 9.5v-5z"/><path class="cut" d="m5 5 4 4m0-4-4 4"/>',
  loaded: '<circle cx="7" cy="7" r="4.5" class="line"/><circle cx="7" cy="7" r="1.5" fill="currentColor"/>',
  recovered: '<path fill="currentColor" d="m7 1.5 6 11H1z"/>',
  refreshed: '<path class="line" d="M7 2.5v9"/>',
  rotated: '<path fill="currentColor" d="m7 .5 6.5 6.5L7 13.5.5 7z"/>',
  warning: '<path fill="currentColor" d="M7 .8 13.8 13H.2z"/><path class="cut" d="M7 5v4m0 1.4v.6"/>',
};

const symbols = Object.entries(SHAPES).map(([name, shape]) => `<symbol id="i-${name}" viewBox="0 0 14 14">${shape}</symbol>`);
export const ICONS = `<svg width="0" height="0" class="shapes" aria-hidden="true">${symbols.join('')}</svg>`;

export const STYLE: string = `
:root {
  color-scheme: light dark;
  --page: #f4f6f9; --surface: #fff; --line: #dbe1ea; --text: #1a2230; --muted: #535e70;
  --good: #0a6638; --good-bg: #e2f4e9; --warn: #784700; --warn-bg: #fdf0d6; --else: #573a9b; --else-bg: #eee8fc;
  --none: #4b566a; --none-bg: #ebeff4; --bad: #a0141f; --bad-bg: #fde7e8; --track: #dfe5ee; --focus: #1757c2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f141c; --surface: #171e29; --line: #2c3646; --text: #e6ebf2; --muted: #a5b0c2;
    --good: #7cdba8; --good-bg: #12332a; --warn: #f3c568; --warn-bg: #38300f; --else: #c8b4ff; --else-bg: #2b2450;
    --none: #b7c2d2; --none-bg: #252f3d; --bad: #ff9da3; --bad-bg: #46191f; --track: #2c3646; --focus: #8ab4ff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 0 1.5rem 2rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 0.9375rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
.shapes { position: absolute; }
.line, .cut { fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.cut { stroke: var(--cut, var(--surface)); stroke-width: 1.6; }
.icon { flex: none; vertical-align: -2px; }
header { display: flex; align-items: center; gap: 1rem; min-height: 3.5rem; flex-wrap: wrap; padding: 0.5rem 0; }
header p { margin: 0; }
.product { font-weight: 600; letter-spacing: 0.01em; color: var(--muted); }
#update { margin-left: auto; color: var(--muted); font-size: 0.875rem; }
button {
  font: inherit; font-size: 0.875rem; color: inherit; background: var(--surface); border: 1px solid var(--muted);
  border-radius: 6px; padding: 0.35rem 0.8rem; cursor: pointer;
}
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
h1, h2 { line-height: 1.25; margin: 0; }
h1 { font-size: 1.625rem; overflow-wrap: anywhere; }
h2 { font-size: 1.0625rem; margin-bottom: 0.75rem; }
.head { display: flex; align-items: center; gap: 0.75rem 1rem; flex-wrap: wrap; }
.status, .state {
  display: inline-flex; align-items: center; gap: 0.4em; margin: 0; border-radius: 1rem; font-weight: 600; white-space: nowrap;
  color: var(--fg); background: var(--bg); --cut: var(--bg);
}
.status { padding: 0.3rem 0.9rem; }
.state { padding: 0.1rem 0.65rem; font-size: 0.875rem; }
.healthy, .fresh { --fg: var(--good); --bg: var(--good-bg); }
.degraded, .stale { --fg: var(--warn); --bg: var(--warn-bg); }
.fallback { --fg: var(--else); --bg: var(--else-bg); }
.missing { --fg: var(--none); --bg: var(--none-bg); }
.unavailable, .failed { --fg: var(--bad); --bg: var(--bad-bg); }
.facts { display: flex; flex-wrap: wrap; gap: 0.75rem 2.5rem; margin: 1rem 0 0; }
dt { color: var(--muted); font-size: 0.8125rem; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
section { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.25rem; margin-top: 1.25rem; }
.muted { color: var(--muted); margin: 0; }
.attention { list-style: none; margin: 0; padding: 0; display: grid; gap: 0.75rem; }
.attention li { display: flex; gap: 0.6rem; }
.attention li > div { min-width: 0; }
.attention .icon { margin-top: 0.3rem; color: var(--bad); }
.attention p, .details { white-space: pre-line; overflow-wrap: anywhere; }
.attention p { margin: 0.1rem 0 0; }
code { font: 0.875em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); font-size: 0.875rem; padding-bottom: 0.5rem; }
th, td { text-align: left; vertical-align: top; padding: 0.6rem 1rem 0.6rem 0; border-top: 1px solid var(--line); font-weight: normal; }
thead th { color: var(--muted); font-size: 0.8125rem; border-top: 0; padding-block: 0.25rem; }
th:last-child, td:last-child { padding-right: 0; }
small { display: block; color: var(--muted); font-size: 0.8125rem; }
.id { overflow-wrap: anywhere; }
.services td:nth-child(3) { width: 24%; }
.age { display: block; margin: 0.45rem 0 0.35rem; }
.track { fill: var(--track); }
.done { fill: var(--fg); }
.events td:last-child { width: 55%; }
.events th, .events td { padding-block: 0.45rem; }
.mark { color: var(--none); }
.mark.rotated, .mark.recovered, .mark.loaded { color: var(--good); }
.mark.stale { color: var(--warn); }
.mark.fallback { color: var(--else); }
.mark.failed, .mark.invalid { color: var(--bad); }
.mark > span { color: var(--text); margin-left: 0.4em; }
.events .mark { white-space: nowrap; }
figure { margin: 0; }
figcaption { color: var(--muted); font-size: 0.875rem; margin-bottom: 0.5rem; }
.timeline ul { list-style: none; margin: 0; padding: 0; }
.timeline > ul:not(.legend) li, .axis { display: grid; grid-template-columns: 10rem 1fr; align-items: center; gap: 1rem; }
.timeline > ul:not(.legend) li { padding: 0.1rem 0.5rem 0.1rem 0; }
.timeline li > span { overflow-wrap: anywhere; }
.timeline svg { display: block; overflow: visible; }
.timeline line { stroke: var(--line); stroke-width: 2; }
.axis { grid-template-columns: 10rem 1fr auto; color: var(--muted); font-size: 0.8125rem; margin: 0.25rem 0 0.75rem; }
.axis :first-child { grid-column: 2; }
.timeline .legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; font-size: 0.875rem; }
.timeline .legend li { display: flex; align-items: center; }
.calls { max-width: 44rem; }
.calls :is(th, td):nth-child(n+3) { text-align: right; }
details { margin-top: 0.75rem; }
summary { cursor: pointer; padding: 0.35rem 0; color: var(--muted); }
footer { color: var(--muted); font-size: 0.875rem; margin-top: 1.25rem; }
@media (max-width: 46rem) {
  body { padding: 0 0.9rem 1.5rem; }
  section { padding: 1rem; }
  .calls :is(th, td) { overflow-wrap: anywhere; padding-right: 0.5rem; }
  .timeline > ul:not(.legend) li { grid-template-columns: 1fr; gap: 0; padding: 0.25rem 0.5rem; }
  .axis { grid-template-columns: 1fr auto; }
  .axis :first-child { grid-column: 1; }
  .services, .services tbody, .services tr, .events, .events tbody, .events tr { display: block; }
  .services caption, .events caption { display: block; }
  .services thead, .events thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .services tr, .events tr { border-top: 1px solid var(--line); padding: 0.7rem 0; }
  .events tr { display: grid; grid-template-columns: auto auto 1fr; gap: 0 1rem; }
  .events td:last-child { grid-column: 1 / -1; }
  .services tbody th, .services td, .events tbody th, .events td { display: block; border: 0; padding: 0.15rem 0; width: auto; }
  .services td, .services td:nth-child(3) { display: grid; grid-template-columns: 5.5rem 1fr; width: auto; }
  .events td:last-child { width: auto; }
  .services td > div { min-width: 0; }
  .services td::before { content: attr(data-column); color: var(--muted); font-size: 0.8125rem; }
}
@media (prefers-reduced-motion: no-preference) { .done { transition: width 0.3s; } }
@media print { button, #update { display: none; } section { break-inside: avoid; } }
`;

/**
 * Fetches the page again and puts its new content in place: while the tab is seen, nothing is selected, and unless paused.
 * What is open stays open, and the focus stays.
 */
export const SCRIPT: string = `
(() => {
  const seconds = Number(document.documentElement.dataset.refresh);
  if (!(seconds > 0)) return;
  const [button, update] = ['pause', 'update'].map((id) => document.getElementById(id));
  let isPaused = false;
  const say = (text) => { if (update.textContent !== text) update.textContent = text; };
  const calm = () => say(isPaused ? 'Updates are paused' : 'Updates every ' + seconds + ' s');
  button.hidden = false;
  button.addEventListener('click', () => {
    isPaused = !isPaused;
    button.textContent = isPaused ? 'Resume updates' : 'Pause updates';
    calm();
  });
  calm();
  const renew = async () => {
    if (isPaused || document.hidden || getSelection().type === 'Range') return;
    try {
      const answer = await fetch(location.href, { cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(10000) });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const [before, next] = [document, page].map((it) => it.getElementById('live'));
      if (!answer.ok || !next) throw new Error();
      const open = [...before.querySelectorAll('details[open]')].map(({ id }) => id);
      const focused = document.activeElement.closest('details')?.id;
      before.replaceWith(next);
      for (const id of open) document.getElementById(id)?.setAttribute('open', '');
      if (focused) document.getElementById(focused)?.querySelector('summary').focus({ preventScroll: true });
      document.title = page.title;
      document.querySelector('link[rel=icon]').href = page.querySelector('link[rel=icon]').href;
      calm();
    } catch {
      say('No update: the application does not answer, or you are signed out. Trying again; what you see is old.');
    }
  };
  const loop = async () => { await renew(); setTimeout(loop, seconds * 1000); };
  setTimeout(loop, seconds * 1000);
  document.addEventListener('visibilitychange', renew);
})();
`;

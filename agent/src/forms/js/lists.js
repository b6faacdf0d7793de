// Lists that open: finding their options, waiting for them, matching the wanted one.

const OPTION = '[role=option],[role=menuitem],[role=menuitemradio],[role=menuitemcheckbox],[role=treeitem]';
const LOADING = /^(loading|searching|please wait|chargement|laden|cargando)\b/i;
const NOTHING = /^(no (options|results|items|matches|match)|nothing found|not found|aucun|keine|sin resultados)\b/i;

function optionText(el) {
  const inner = attr(el, 'aria-label');
  const text = textOf(el, (n) => n.matches('[role=img],svg'));
  if (text) return text;
  const host = [...el.querySelectorAll('*')].find((x) => attr(x, 'label'));
  return cut(inner || attr(el, 'label') || (host ? attr(host, 'label') : '') || squash(el.textContent));
}

// Options in lists that the combobox names as its own, open or not.
function ownedOptions(entry) {
  const refs = [entry.els[0], entry.opener, closest(entry.els[0], '[aria-owns],[aria-controls]', 3)].filter(Boolean);
  for (const el of refs) {
    for (const at of [...byIds(el, el.getAttribute('aria-controls')), ...byIds(el, el.getAttribute('aria-owns'))]) {
      const options = all(OPTION, at);
      if (options.length) return options.filter((o) => optionText(o));
    }
  }
  return [];
}

const disabledOption = (el) => el.getAttribute('aria-disabled') === 'true' || el.matches(':disabled,[disabled]');

// The options a person sees now: of the combobox's own list, of a list that has appeared, or of anything near the
// box whose name says that it is a list.
const openOptions = (entry) => still(() => optionsNow(entry));

function optionsNow(entry) {
  const own = ownedOptions(entry).filter((o) => visible(o, 1));
  if (own.length) return own;
  const roles = all(OPTION).filter((o) => visible(o, 1) && !closest(o, 'nav,[role=menubar],header [role=menu]', 12) && !entry.before?.has(o));
  if (roles.length) return outermost(roles);
  const around = [...ancestors(entry.els[0], 4)].at(-1) ?? document.body;
  const named = all('*', around).filter((x) => SUGGESTS.test(classOf(x)) && visible(x, 1) && !x.contains(entry.els[0]));
  for (const list of named) {
    const items = [...list.children].filter((x) => visible(x, 1) && textOf(x));
    const leaves = items.length === 1 && items[0].children.length > 1 ? [...items[0].children].filter((x) => visible(x, 1) && textOf(x)) : items;
    const real = leaves.filter((x) => !LOADING.test(textOf(x)) && !NOTHING.test(textOf(x)) && !/no-results|loading|empty/i.test(classOf(x)));
    if (real.length) return real;
  }
  return all('.pac-item,.ui-menu-item,.tt-suggestion').filter((x) => visible(x, 1));
}

// A list item that wraps another counts once.
const outermost = (els) => { const set = new Set(els); return els.filter((el) => ![...ancestors(el, 6)].some((at) => set.has(at))); };

const openNotice = (entry) => {
  const spots = all('[class*=notice],[class*=no-results],[class*=loading],[role=listbox],[role=menu],[class*=menu]').filter((x) => visible(x, 1) && !x.contains(entry.els[0]) && !entry.before?.has(x));
  for (const x of spots) {
    const text = textOf(x, null, 120);
    if (LOADING.test(text)) return 'loading';
    if (NOTHING.test(text)) return 'nothing';
  }
  return '';
};

// The one option that is wanted: the same text, else the only one that begins with it or that it begins with (at the
// end of a word). Two that fit are none.
function pick(labels, wanted) {
  const want = fold(wanted);
  if (!want) return -1;
  const texts = labels.map(fold);
  const exact = texts.indexOf(want);
  if (exact >= 0) return exact;
  const bounded = (long, short) => long.startsWith(short) && !/[\p{L}\p{N}]/u.test(long.charAt(short.length));
  const only = (test) => { const at = texts.flatMap((t, i) => (t && test(t) ? [i] : [])); return at.length && at.every((i) => texts[i] === texts[at[0]]) ? at[0] : -1; };
  const longer = only((t) => bounded(t, want));
  if (longer >= 0) return longer;
  const shorter = only((t) => t.length > 3 && bounded(want, t));
  if (shorter >= 0) return shorter;
  const plain = (t) => t.replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
  const spelled = only((t) => plain(t) === plain(want));
  return spelled >= 0 ? spelled : pickPlace(texts, want);
}

// The parts of a place from the town outward, each with the other names it goes by ("or", "oregon").
const placeParts = (text) => fold(text).split(',').map((part) => part.replace(/\b\d{4,6}\b/g, '').trim()).filter(Boolean).map((part) => [part, ...(Object.hasOwn(PLACES, part) ? PLACES[part] : [])]);
const samePart = (a, b) => a.some((x) => b.includes(x));

// How well an option names a wanted place: how many parts they share when the town is the same and no part of the
// shorter one is missing in the longer one; 0 for not at all. The same rule reads values back (`place.rs`).
function placeFit(wanted, option) {
  if (!wanted.length || !option.length || !samePart(wanted[0], option[0])) return 0;
  const [short, long] = wanted.length <= option.length ? [wanted, option] : [option, wanted];
  let at = 0;
  for (const part of short) {
    while (at < long.length && !samePart(part, long[at])) at++;
    if (at++ >= long.length) return 0;
  }
  return short.length;
}

// The option that names the wanted place with the most parts and the fewest of its own; two as good are none.
function pickPlace(texts, want) {
  const wanted = placeParts(want);
  if (wanted.length < 2) return -1;
  const scored = texts.map((t, i) => { const parts = placeParts(t); return { i, t, fit: placeFit(wanted, parts) * 10 - parts.length }; }).filter((s) => s.fit > 10);
  scored.sort((a, b) => b.fit - a.fit);
  const [best, next] = scored;
  return best && (!next || next.fit < best.fit || next.t === best.t) ? best.i : -1;
}

const isOpen = (entry) => [entry.els[0], entry.opener].some((el) => el?.getAttribute('aria-expanded') === 'true');

// Notes what is on screen before a list is opened, so that what appears can be told from it.
function beforeOpen({ key }) {
  const entry = find(key);
  if (!entry) return { missing: true };
  // Other lists may stand open all the time; the combobox's own options are never among them.
  entry.before = isOpen(entry) ? new Set() : new Set(all(`${OPTION},[class*=notice],[class*=menu],[role=listbox],[role=menu]`).filter((x) => visible(x, 1)));
  entry.shown = [];
  const typed = tag(entry.els[0]) === 'input' && !entry.els[0].readOnly ? entry.els[0] : null;
  return { ...pointOf(entry.kind === 'combobox' && tag(entry.els[0]) === 'input' && visible(entry.els[0], 4) ? entry.els[0] : entry.opener ?? entry.els[0], entry.box), open: isOpen(entry) && openOptions(entry).length > 0, types: Boolean(typed), searches: /^(list|both)$/.test(entry.els[0].getAttribute('aria-autocomplete') ?? ''), chosen: comboChosen(entry) };
}

// Waits for options: until the wanted one is there, or the list has come and stopped changing, or the time is over.
async function awaitOptions({ key, wanted, ms, idle = ms, settle = 60 }) {
  const entry = find(key);
  if (!entry) return { missing: true };
  const start = performance.now();
  let last = '', since = start, state = 'none';
  const done = await until(() => {
    const options = openOptions(entry).filter((o) => !disabledOption(o));
    const labels = options.slice(0, OPTIONS_MAX + 1).map(optionText);
    const now = labels.join('\u0000');
    if (now !== last) { last = now; since = performance.now(); }
    entry.shown = options;
    if (wanted !== undefined && wanted !== null) {
      const at = pick(labels, wanted);
      if (at >= 0 && (fold(labels[at]) === fold(wanted) || performance.now() - since > settle)) return { at, labels };
    }
    const notice = labels.length ? '' : openNotice(entry);
    state = labels.length ? 'options' : notice || 'none';
    const still = performance.now() - since;
    if (labels.length && still > (wanted ? settle * 4 : settle)) return { at: -1, labels };
    if (!labels.length && !notice && performance.now() - start > idle) return { at: -1, labels: [] };
    if (notice === 'nothing' && still > settle * 6) return { at: -1, labels: [] };
    return null;
  }, ms);
  const labels = done?.labels ?? entry.shown.map(optionText);
  const all_ = entry.shown.length ? entry.shown : [];
  const size = Number(attr(all_[0] ?? null, 'aria-setsize')) || 0;
  const list = all_[0] ? closest(all_[0], '[role=listbox],[role=menu]', 5) : null;
  const tall = all_.reduce((sum, o) => sum + o.getBoundingClientRect().height, 0);
  const partial = size > all_.length || (list ? list.scrollHeight > tall + 200 && list.scrollHeight > 400 : false);
  return { at: done?.at ?? -1, labels: labels.slice(0, OPTIONS_MAX), state, partial };
}

// Where to click for an option shown by the last wait, once the list holds it still: widgets draw a list anew while it
// is being narrowed, and use the same elements for other options.
async function optionPoint({ key, at, label, ms }) {
  const entry = entries.get(key);
  let option = entry?.shown?.[at];
  let last = '';
  const found = await until(() => {
    if (!option?.isConnected || optionText(option) !== label) option = openOptions(entry).find((o) => !disabledOption(o) && optionText(o) === label);
    if (!option) return null;
    option.scrollIntoView({ block: 'nearest' });
    const point = pointOf(option);
    const now = `${point.x} ${point.y}`;
    const held = now === last;
    last = now;
    return held ? point : null;
  }, ms);
  return found ?? { missing: true };
}

// Shuts a list that was opened only to be read. Says whether it is still open, so that the agent may press its opener.
async function closeList({ key }) {
  const entry = entries.get(key);
  if (!entry) return { open: false };
  leave();
  const gone = await until(() => !entry.shown.some((o) => visible(o, 1)), 60);
  return { open: !gone };
}

// A search box that came with the list, for lists that are opened by a button.
function listSearch({ key }) {
  const entry = entries.get(key);
  if (!entry) return { missing: true };
  const active = deepActive();
  if (active && active !== entry.els[0] && active.matches('input:not([type=checkbox]):not([type=radio])') && !entries.has(keyOf(active))) return { ok: true };
  const option = entry.shown?.[0];
  const list = option ? [...ancestors(option, 6)].find((at) => all('input', at).some((i) => visible(i, 4) && /^(text|search)$/.test(i.type))) : null;
  const input = list ? all('input', list).find((i) => visible(i, 4)) : null;
  if (!input || [...entries.values()].some((e) => e.els.includes(input))) return { missing: true };
  input.focus();
  return { ok: true };
}

const keyOf = (el) => [...entries.values()].find((e) => e.els.includes(el))?.key;

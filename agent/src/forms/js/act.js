// Operating fields: everything short of the input events themselves, which the agent sends through the browser.

// The entry of a key, found anew when the page has drawn its elements again.
function find(key) {
  const known = entries.get(key);
  if (known && known.els.every((e) => e.isConnected)) return known;
  collect();
  return entries.get(key) ?? null;
}

function deepActive() {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at;
}

// A point where a click reaches the element. `hit` is false when something covers it everywhere.
function pointOf(el, around) {
  const inView = (box) => box.top >= 0 && box.bottom <= window.innerHeight && box.left >= 0 && box.right <= window.innerWidth;
  const reach = (box, target) => {
    for (const [fx, fy] of [[0.5, 0.5], [0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.06, 0.5]]) {
      const x = box.left + Math.max(1, box.width * fx), y = box.top + Math.max(1, box.height * fy);
      let top = document.elementFromPoint(x, y);
      while (top?.shadowRoot) {
        const inner = top.shadowRoot.elementFromPoint(x, y);
        if (!inner || inner === top) break;
        top = inner;
      }
      if (top && (holds(target, top) || holds(top, target) && top !== document.body && top !== document.documentElement)) return { x, y, hit: true };
    }
    return null;
  };
  for (const target of [el, around].filter(Boolean)) {
    let box = target.getBoundingClientRect();
    if (!inView(box)) { target.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' }); box = target.getBoundingClientRect(); }
    const line = target.getClientRects()[0];
    const found = reach(line && line.height < box.height ? line : box, target);
    if (found) return found;
  }
  const box = el.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2, hit: false };
}

// Makes a text field ready to take text in place of what it holds.
async function prepare({ key }) {
  const entry = find(key);
  if (!entry) return { missing: true };
  const el = entry.els[0];
  // A field that waits for another one's answer opens a moment after it.
  if (!editable(entry)) await until(() => editable(entry), 300);
  if (!editable(entry)) return { locked: true };
  const box = el.getBoundingClientRect();
  if (box.top < 0 || box.bottom > window.innerHeight) el.scrollIntoView({ block: 'center', behavior: 'instant' });
  if (deepActive() !== el) el.focus({ preventScroll: true });
  if (entry.kind === 'richtext') {
    const range = document.createRange();
    range.selectNodeContents(el);
    const selection = el.getRootNode().getSelection?.() ?? getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  } else if (el.select) {
    el.select();
  }
  return { focused: deepActive() === el, empty: !(el.value ?? el.textContent) };
}

const nativeSetter = (el, property) => {
  for (let proto = Object.getPrototypeOf(el); proto; proto = Object.getPrototypeOf(proto)) {
    const found = Object.getOwnPropertyDescriptor(proto, property);
    if (found?.set) return found.set;
  }
  return null;
};

const tell = (el, ...types) => types.forEach((type) => el.dispatchEvent(new Event(type, { bubbles: true, composed: true })));

// Values that no key can enter: native lists, dates, ranges. Set through the prototype, so that a page that tracks
// the property sees the change.
function setNative({ key, labels, value }) {
  const entry = find(key);
  if (!entry) return { missing: true };
  const el = entry.els[0];
  if (!editable(entry)) return { locked: true };
  if (entry.kind === 'select') {
    const options = realOptions(el);
    const at = labels.map((label) => pick(options.map(optionLabel), label));
    if (at.some((i) => i < 0)) return { absent: true };
    el.focus({ preventScroll: true });
    if (el.multiple) {
      for (const option of el.options) option.selected = at.some((i) => options[i] === option);
    } else if (labels.length) {
      nativeSetter(el, 'selectedIndex').call(el, options[at[0]].index);
    } else {
      nativeSetter(el, 'selectedIndex').call(el, 0);
    }
    tell(el, 'input', 'change');
    return { ok: true };
  }
  // `change` says to the agent that the box takes text and no value.
  if (!/^(date|month|week|time|datetime-local|range|color)$/.test(el.type)) return { change: [0] };
  el.focus({ preventScroll: true });
  nativeSetter(el, 'value').call(el, el.type === 'month' ? value.slice(0, 7) : value);
  tell(el, 'input', 'change');
  return { ok: true };
}

// Which options of a group must change, and where to click for each.
async function choices({ key, wanted }) {
  const entry = find(key);
  if (!entry?.choices) return { missing: true };
  if (!editable(entry)) await until(() => editable(entry), 300);
  if (!editable(entry)) return { locked: true };
  const labels = entry.choices.map((c) => c.label);
  let want;
  if (entry.kind === 'checkbox') want = [wanted === true];
  else {
    const at = (wanted ?? []).map((label) => pick(labels, label));
    if (at.some((i) => i < 0)) return { absent: true };
    want = labels.map((_, i) => at.includes(i));
  }
  const change = [];
  entry.choices.forEach((choice, i) => {
    const on = isOn(choice);
    if (on === want[i] || (entry.kind === 'radio' && !want[i])) return;
    change.push(i);
  });
  return { change };
}

function choicePoint({ key, at }) {
  const choice = find(key)?.choices?.[at];
  if (!choice) return { missing: true };
  let target = choice.face;
  // A label with a link inside is clicked beside the link.
  if (tag(target) === 'label' && target.querySelector('a')) target = [...target.children].find((x) => tag(x) !== 'a' && visible(x) && !x.querySelector('a')) ?? target;
  const point = pointOf(target);
  const top = point.hit ? document.elementFromPoint(point.x, point.y) : null;
  if (top?.closest?.('a[href]') && choice.face !== top) return { ...point, hit: false };
  return point;
}

const pointAt = ({ key }) => { const entry = find(key); return entry ? pointOf(entry.els[0], entry.box) : { missing: true }; };

// Selects what stands in the search box of an open list.
function selectActive() {
  const at = deepActive();
  at?.select?.();
  return { ok: Boolean(at) };
}

// Waits until a list shows a new choice; tells what it shows.
async function awaitChosen({ key, before, label, ms }) {
  const now = () => { const entry = find(key); return entry ? comboChosen(entry) : []; };
  const changed = await until(() => {
    const shown = now();
    return shown.some((s) => fold(s) === fold(label)) || (shown.length && JSON.stringify(shown) !== JSON.stringify(before) && !deepActive()?.value) ? shown : null;
  }, ms);
  return changed ?? now();
}

// For what no mouse can reach: a click made by script.
function press({ key, at }) {
  const entry = find(key);
  const target = at === undefined || at === null ? entry?.opener ?? entry?.els[0] : entry?.choices?.[at]?.input ?? entry?.choices?.[at]?.face;
  if (!target) return { missing: true };
  target.click();
  return { ok: true };
}

// Waits for what a click leads to: a group's state often follows a moment later.
async function awaitValue({ key, want, ms }) {
  const same = (a) => JSON.stringify(a) === JSON.stringify(want);
  const value = await until(() => {
    const entry = find(key);
    const now = entry ? valueOf(entry) : { t: 'gone' };
    return same(now) ? now : null;
  }, ms);
  const entry = find(key);
  return value ?? (entry ? valueOf(entry) : { t: 'gone' });
}

function read({ keys }) {
  return keys.map((key) => {
    const entry = find(key);
    return entry ? valueOf(entry) : { t: 'gone' };
  });
}

// The file box itself, for the browser to put a file into; its container is remembered.
function fileBox(key) {
  const entry = find(key);
  if (!entry || entry.kind !== 'file') return null;
  const el = entry.els[0];
  let home = entry.loose ? entry.face : parentOf(el);
  for (const at of ancestors(el, 6)) {
    if (entry.loose || at.matches('form,body,html') || otherFieldIn(at, new Set([el])) || all('input[type=file]', at).length > 1) break;
    home = at;
  }
  uploadHomes.set(key, home);
  return el;
}

// Waits until the page has taken the file: it is in the box, or the page shows its name.
async function awaitFile({ key, name: file, ms }) {
  const taken = () => {
    const home = uploadHomes.get(key);
    if (home?.isConnected && all('[role=progressbar],[aria-busy=true],[class*=uploading],[class*=working]', home).some((x) => visible(x, 1))) return null;
    const known = entries.get(key);
    const held = known?.els[0].isConnected ? fileShown(known) : null;
    if (held) return held;
    return showsFile({ key, name: file }) ? { name: file, size: null } : null;
  };
  return (await until(taken, ms)) ?? { missing: true };
}

// Leaves the field that has the focus, so that the page takes its value.
function leave() {
  const at = deepActive();
  if (at && at !== document.body) at.blur();
  return { ok: true };
}

// Empties a text box that took a search without a hit.
function clearText({ key }) {
  const entry = find(key);
  const el = entry?.els[0];
  if (el && tag(el) === 'input' && el.value) {
    nativeSetter(el, 'value').call(el, '');
    tell(el, 'input');
  }
  leave();
  return { ok: true };
}

// Buttons that take a chosen value away again, for lists that hold several.
function removeChip({ key, label }) {
  const entry = find(key);
  const chip = entry && all('*', entry.box).find((x) => CHIP.test(classOf(x)) && fold(textOf(x, (n) => n.matches('button,[role=button]'))) === fold(label));
  const button = chip && [chip, parentOf(chip)].map((x) => x && all('button,[role=button],[class*=remove]', x)[0]).find(Boolean);
  return button ? pointOf(button) : { missing: true };
}

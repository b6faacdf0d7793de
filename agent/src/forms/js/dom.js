// Walking and reading the page's tree. Shared by every other file of the engine's script, which runs in an isolated
// world of each frame: the page's scripts can neither see nor change what is here.

const TEXT_MAX = 2000;
const FIELDS_MAX = 500;
const OPTIONS_MAX = 1000;
const VALUE_MAX = 20000;
// A page with more elements than this is not a form; the walk stops there.
const ELEMENTS_MAX = 60000;

const squash = (text) => String(text ?? '').replace(/[\s\u00a0\u200b\u200e\u200f\ufeff]+/g, ' ').trim();
const cut = (text, max = TEXT_MAX) => {
  const points = squash(text);
  return points.length <= max ? points : [...points].slice(0, max).join('');
};
const fold = (text) => squash(text).normalize('NFKC').toLowerCase();
const attr = (el, name) => squash(el?.getAttribute?.(name));
const tag = (el) => (el?.localName ?? '').toLowerCase();

// The parent in the tree as it is drawn: through slots and out of shadow roots.
function parentOf(el) {
  if (el.assignedSlot) return el.assignedSlot;
  if (el.parentElement) return el.parentElement;
  const root = el.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}

function* ancestors(el, limit = 64) {
  for (let at = parentOf(el); at && limit-- > 0; at = parentOf(at)) yield at;
}

function closest(el, selector, limit = 64) {
  if (el.matches?.(selector)) return el;
  for (const at of ancestors(el, limit)) if (at.matches(selector)) return at;
  return null;
}

const holds = (outer, inner) => {
  for (let at = inner; at; at = parentOf(at)) if (at === outer) return true;
  return false;
};

// Children as drawn: a shadow root's in place of its host's, a slot's assigned nodes in place of its fallback.
function drawnChildren(node) {
  if (node.shadowRoot) return node.shadowRoot.childNodes;
  if (node instanceof HTMLSlotElement) {
    const assigned = node.assignedNodes();
    if (assigned.length) return assigned;
  }
  return node.childNodes;
}

const UNREAD = new Set(['script', 'style', 'noscript', 'template', 'svg', 'math', 'head', 'iframe', 'object']);

// Every element below `root` in drawn order, open shadow roots included. `leave` is called after an element's subtree.
function walk(root, visit, leave) {
  let left = ELEMENTS_MAX;
  const step = (node) => {
    for (const child of drawnChildren(node)) {
      if (child.nodeType !== 1) continue;
      if (--left < 0) return;
      if (UNREAD.has(tag(child))) continue;
      if (visit(child) !== false) step(child);
      leave?.(child);
    }
  };
  step(root);
}

// Whether the frame has open shadow roots, as of the present call of the agent: without them a selector finds all. Those that
// are found are guarded.
let roots = true;
function lookForRoots() {
  roots = false;
  const look = (tree) => {
    for (const el of tree.querySelectorAll('*')) {
      if (!el.shadowRoot) continue;
      roots = true;
      guardRoot(el.shadowRoot);
      look(el.shadowRoot);
    }
  };
  look(document);
}

// Every element below `root` that matches, wherever shadow roots put it.
function all(selector, root = document) {
  if (!roots) return [...root.querySelectorAll(selector)];
  if (sizes) {
    // One walk serves the whole look: an element's subtree is a stretch of the list.
    flat ??= flatten();
    const [from, to] = root.nodeType === 9 ? [0, flat.els.length] : flat.spans.get(root) ?? [0, 0];
    return flat.els.slice(from, to).filter((el) => el.matches(selector));
  }
  const found = [];
  const from = root.nodeType === 9 ? root.documentElement : root;
  if (!from) return found;
  walk(from, (el) => { if (el.matches(selector)) found.push(el); });
  return found;
}

let flat = null;
function flatten() {
  const els = [], starts = new Map(), spans = new Map();
  walk(document.documentElement, (el) => { els.push(el); starts.set(el, els.length); }, (el) => { if (starts.has(el)) spans.set(el, [starts.get(el), els.length]); });
  spans.set(document.documentElement, [0, els.length]);
  return { els, spans };
}

// An id is looked up where the reference stands, then in the document.
function byId(el, id) {
  if (!id) return null;
  const root = el.getRootNode();
  return root.getElementById?.(id) ?? document.getElementById(id);
}

const byIds = (el, list) => squash(list).split(' ').filter(Boolean).map((id) => byId(el, id)).filter(Boolean);

// Rendered at all: not display:none, visibility:hidden or inside either.
const rendered = (el) => el.isConnected && el.checkVisibility({ visibilityProperty: true });

// A person can see it: rendered, with an area, not transparent, not moved or clipped out of the page.
function visible(el, least = 2) {
  const size = sizes?.get(el) ?? sizeOf(el);
  sizes?.set(el, size);
  return size >= least;
}

// The shorter side of what is seen of it; 0 for nothing.
function sizeOf(el) {
  if (!rendered(el) || !el.checkVisibility({ opacityProperty: true })) return 0;
  const box = el.getBoundingClientRect();
  return Math.min(box.width, box.height) < 1 || outside(el, box) ? 0 : Math.min(box.width, box.height);
}

// What was measured, kept while one look at a page that does not change meanwhile goes on.
let sizes = null;
// The complaints found by it, by field.
let told = null;
function still(look) {
  if (sizes) return look();
  sizes = new Map();
  told = new Map();
  try { return look(); } finally { sizes = null; told = null; flat = null; }
}

function outside(el, box) {
  const view = document.scrollingElement ?? document.documentElement;
  if (box.right + window.scrollX <= 0 || box.bottom + window.scrollY <= 0) return true;
  if (box.left + window.scrollX >= Math.max(view.scrollWidth, window.innerWidth) + 200) return true;
  const own = getComputedStyle(el);
  if (/^rect\(0px,? 0px,? 0px,? 0px\)$/.test(own.clip) || /inset\((50|100)%/.test(own.clipPath)) return true;
  // A collapsed wrapper hides what overflows it.
  for (const at of ancestors(el, 12)) {
    if (at === document.body || at === document.documentElement) break;
    const style = getComputedStyle(at);
    if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
    if (/contents|inline$/.test(style.display)) continue;
    const around = at.getBoundingClientRect();
    if (around.width < 2 || around.height < 2) return true;
    if (/^rect\(0px,? 0px,? 0px,? 0px\)$/.test(style.clip)) return true;
  }
  return false;
}

const CONTROL = 'input,select,textarea,option,datalist,[contenteditable=""],[contenteditable="true"],[role=listbox],[role=menu],[role=log]';

// The text a person reads in an element. Controls inside do not count, hidden parts neither; `skip` leaves out more.
function textOf(el, skip, max = TEXT_MAX) {
  let text = '';
  const read = (node, seen) => {
    if (text.length > max * 2) return;
    if (node.nodeType === 3) { text += node.data; return; }
    if (node.nodeType !== 1) return;
    if (node !== el && (UNREAD.has(tag(node)) || node.matches(CONTROL) || skip?.(node))) return;
    const display = seen ? getComputedStyle(node).display : 'block';
    if (display === 'none') return;
    if (seen && getComputedStyle(node).visibility === 'hidden' && !node.childElementCount) return;
    const apart = display !== 'inline' && display !== 'contents';
    if (apart || tag(node) === 'br') text += ' ';
    for (const child of drawnChildren(node)) read(child, seen);
    if (apart) text += ' ';
  };
  read(el, rendered(el));
  return cut(text, max);
}

function rectOf(el) {
  const box = el.getBoundingClientRect();
  if (box.width < 1 || box.height < 1) return null;
  return { x: box.left, y: box.top, width: box.width, height: box.height };
}

// A short stable hash (FNV-1a, twice 32 bits): names what was read, proves nothing.
function shortHash(text) {
  let a = 0x811c9dc5, b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x5bd1e995) ^ (b >>> 13);
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}

// Waits until `test` gives something truthy or `ms` have passed; looks again after every change of the page.
function until(test, ms) {
  return new Promise((resolve) => {
    const end = performance.now() + ms;
    let timer = 0;
    const watcher = new MutationObserver(() => check());
    const finish = (value) => { watcher.disconnect(); clearInterval(timer); resolve(value); };
    const check = () => {
      const value = test();
      if (value || performance.now() >= end) finish(value);
    };
    watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    // Shadow roots and properties such as `value` change without a mutation of the document.
    timer = setInterval(check, 15);
    check();
  });
}

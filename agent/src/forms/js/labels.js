// What a field is called: every place a page may put a question, best first.

// Words that name the widget, not the question. They are used only when nothing better is found.
const WIDGET_WORDS = /^(attach(ed|ment)?|upload|browse|choose|select|search|file|files?[- ]?(input|upload)?|input|add|drop|drag|open|toggle|clear|dropdown|combobox|listbox|enter|type|option|value|field|text|answer|your answer|replace|or)([ .…:-]+(a |an |your |the )?(file|files?|manually|here|one|option|menu|\.\.\.|…|answer))*[.…: ]*$|^(drag|drop)\b.*\bfile|^(choose|select|upload|attach) (a |your )?files?\b/i;
const REQUIRED_WORD = /\((required|mandatory|obligatoire|erforderlich|pflichtfeld|obligatorio|obbligatorio|verplicht|obligatorisk|wymagane)\)|\b(required field|champ obligatoire|pflichtfeld)\b|[\s:–-]+(required|mandatory)\.?$|^(required|mandatory)$/i;
const OPTIONAL_WORD = /\((optional|facultatif|optionnel|freiwillig|opcional|facoltativo|valfritt|optioneel)\)|[\s:–-]+optional\.?$/i;

const asksMark = (text) => /^[*✱＊∗﹡]|[*✱＊∗﹡]\s*(\([^)]*\))?[:.]?$|[^\s(]\s*✱|[^\s(*]\*\s/.test(text) || REQUIRED_WORD.test(text) || /^(required|mandatory)[.:]\s/i.test(text);

// The question without the marks around it.
function bare(text) {
  let label = squash(text).replace(/^(required|mandatory)[.:]\s+/i, '');
  // What follows a mark inside the text is help, a button or the field's own content.
  const mark = /[^\s(]\s*[*✱＊](?=\s|$)/.exec(label.slice(2));
  if (mark && useful(label.slice(0, mark.index + 3))) label = label.slice(0, mark.index + 3);
  label = label.replace(/^[*✱＊∗﹡]+\s*/, '').replace(/\s*[*✱＊∗﹡]+\s*([:.?]?)\s*$/, '$1');
  label = label.replace(REQUIRED_WORD, ' ').replace(OPTIONAL_WORD, ' ');
  label = squash(label).replace(/\s*[*✱＊∗﹡]+\s*$/, '').replace(/\s*:$/, '');
  return cut(label);
}

const plainer = (text) => squash(text).replace(/[*✱＊∗﹡:]+/g, '').trim();
const useful = (text) => Boolean(text) && /[\p{L}\p{N}]/u.test(text) && !WIDGET_WORDS.test(plainer(text));

// Messages and counters inside a label are not part of the question: they come and go.
const notLabel = (node) =>
  node.matches('[role=alert],[aria-live],[role=status],[role=tooltip],button,[role=button],[hidden]') ||
  /(^|[-_ ])(error|invalid|feedback|tooltip|counter|charcount)([-_ ]|$)/i.test(node.getAttribute('class') ?? '');

const COMPLAINS = /\b(required|invalid|error|missing|please|must|cannot|can't|enter (a|an|your)|not (a |an )?(valid|accepted|allowed|supported|recogni[sz]ed)|too (long|short|large|big)|failed|could not|couldn't|unable|incorrect|wrong|obligatoire|erforderlich|ungültig|obligatorio|pflichtfeld)\b/i;
const JUST_A_MARK = /^\W*(required|mandatory|optional)\W*$/i;

// Drawn in a warning colour: red well above the other parts.
function reddish(el) {
  const parts = /^rgba?\((\d+), (\d+), (\d+)/.exec(getComputedStyle(el).color);
  if (!parts) return false;
  const [red, green, blue] = parts.slice(1).map(Number);
  return red > 120 && red > green * 1.4 && red > blue * 1.4;
}

// A message that stands inside a label and is none of its words.
const scolds = (node) => node.matches('p,span,div,small,em,strong') && !node.childElementCount && node.textContent.length > 8 && COMPLAINS.test(node.textContent) && reddish(node);

// The words of a label. What its control names as description or error is not among them: those come and go.
function spoken(el) {
  const apart = tag(el) === 'label' ? new Set(all('input,select,textarea', el).flatMap((c) => [...byIds(c, c.getAttribute('aria-describedby')), ...byIds(c, c.getAttribute('aria-errormessage'))])) : null;
  return textOf(el, (n) => notLabel(n) || Boolean(apart?.has(n)) || scolds(n)) || squash(el.textContent);
}

function labelElements(el) {
  const found = [...(el.labels ?? [])];
  if (!found.length && el.id) {
    const root = el.getRootNode();
    try { found.push(...root.querySelectorAll(`label[for="${CSS.escape(el.id)}"]`)); } catch { /* an id no selector can name */ }
  }
  const wrapping = closest(el, 'label', 6);
  if (wrapping && !found.includes(wrapping)) found.push(wrapping);
  return found;
}

const FIELDISH = 'input:not([type=hidden]):not([type=submit]):not([type=button]),select,textarea,[role=combobox],[role=textbox],[role=radio],[role=checkbox],[contenteditable="true"],[contenteditable=""],button[aria-haspopup=listbox]';
const otherField = (node, own) => {
  const isOther = (x) => !own.has(x) && (rendered(x) || x.type === 'file');
  if (node.matches?.(FIELDISH)) return isOther(node);
  return all(FIELDISH, node).some(isOther);
};

// Text that stands before the element (or group of elements) and belongs to nothing else. `shared` says that another
// field stands between.
function precedingText(els, levels = 7) {
  const own = new Set(els);
  let at = els.length > 1 ? common(els) : els[0];
  for (let level = 0; level < levels && at; level++) {
    let shared = false;
    const inner = at.getRootNode() instanceof ShadowRoot && !at.parentElement ? [] : siblingsBefore(at);
    for (const node of inner) {
      if (node.nodeType === 3) {
        const text = squash(node.data);
        if (useful(text)) return { text: cut(text), el: null, shared };
        continue;
      }
      if (node.nodeType !== 1 || UNREAD.has(tag(node)) || !rendered(node)) continue;
      if (tag(node) === 'label' && labelTaken(node, own)) { if (!shared) return null; continue; }
      if (otherField(node, own)) {
        // Beyond a sibling field the text may be a row's heading, unless that field has a label of its own.
        if (node.querySelector?.('label,legend') || !/^(inline|table-cell)/.test(getComputedStyle(node).display) && !sameRow(node, at)) return null;
        shared = true;
        continue;
      }
      if (node.matches('hr,nav,header,button,[role=button],[role=alert]')) continue;
      const text = spoken(node);
      if (useful(text)) return { text, el: node, shared: shared || sharedAfter(at, own) };
    }
    at = parentOf(at);
    if (!at || at.matches('form,body,main,dialog,[role=dialog],[role=main]')) return null;
  }
  return null;
}

// The innermost element around all of them; one that is more than their own box is left for the first of them.
function common(els) {
  for (const at of ancestors(els[0], 10)) {
    if (at.matches('form,body,main')) break;
    if (els.every((e) => holds(at, e))) return at;
  }
  return els[0];
}

function siblingsBefore(el) {
  const out = [];
  const parent = el.assignedSlot ? el.parentNode : el.parentNode;
  for (let node = el.previousSibling; node && out.length < 12; node = node.previousSibling) out.push(node);
  return parent ? out : [];
}

// Another field follows in the same row before any other text: the text before heads them both.
function sharedAfter(at, own) {
  for (let node = at.nextElementSibling, n = 0; node && n < 4; node = node.nextElementSibling, n++) {
    if (!rendered(node)) continue;
    if (otherField(node, own)) return sameRow(node, at) && !textOf(node);
    if (textOf(node)) return false;
  }
  return false;
}

const sameRow = (a, b) => Math.abs(a.getBoundingClientRect().top - b.getBoundingClientRect().top) < 12;

// The label stands for another control.
function labelTaken(label, own) {
  const target = label.control;
  return target ? !own.has(target) && target.type !== 'hidden' : false;
}

function tableHeader(el) {
  const cell = el.closest('td');
  const row = cell?.closest('tr');
  if (!row) return '';
  const head = [...row.children].find((c) => tag(c) === 'th') ?? (row.children[0] !== cell ? row.children[0] : null);
  if (head && !otherField(head, new Set([el])) && useful(spoken(head))) return spoken(head);
  const column = [...row.children].indexOf(cell);
  const heads = row.closest('table')?.tHead?.rows[0]?.cells;
  return heads?.[column] ? spoken(heads[column]) : '';
}

// A group around the field that says what it asks: fieldset, role=group or radiogroup, with nothing else inside.
function groupText(els) {
  const own = new Set(els);
  for (const at of ancestors(els[0], 8)) {
    if (at.matches('form,body,dialog,[role=dialog]')) return null;
    if (!at.matches('fieldset,[role=group],[role=radiogroup]')) continue;
    if (otherFieldIn(at, own)) return null;
    const named = nameOf(at);
    if (useful(named)) return { text: named, els: namers(at) };
  }
  return null;
}

const otherFieldIn = (at, own) => all(FIELDISH, at).some((x) => !own.has(x) && visible(x));

const legendOf = (at) => (tag(at) === 'fieldset' ? [...at.children].find((c) => tag(c) === 'legend') ?? at.querySelector('legend') : null);

// The accessible name of a container.
function nameOf(at) {
  const by = byIds(at, at.getAttribute('aria-labelledby')).map(spoken).join(' ');
  if (squash(by)) return squash(by);
  if (attr(at, 'aria-label')) return attr(at, 'aria-label');
  const legend = legendOf(at);
  return legend ? spoken(legend) : '';
}

// The elements that name a container: a mark drawn behind the name is drawn behind them.
function namers(at) {
  const by = byIds(at, at.getAttribute('aria-labelledby')).filter((x) => squash(spoken(x)));
  return by.length ? by : [legendOf(at)].filter(Boolean);
}

// Attributes of custom elements around a field in a shadow root.
function hostText(el) {
  let root = el.getRootNode();
  for (let depth = 0; root instanceof ShadowRoot && depth < 6; depth++) {
    const host = root.host;
    for (const name of ['label', 'aria-label', 'heading', 'title']) if (useful(attr(host, name))) return attr(host, name);
    const by = byIds(host, host.getAttribute('aria-labelledby')).map(spoken).join(' ') || labelElements(host).map(spoken).join(' ');
    if (useful(squash(by))) return squash(by);
    const slotted = [...host.children].find((c) => /label/.test(c.getAttribute('slot') ?? ''));
    if (slotted && useful(spoken(slotted))) return spoken(slotted);
    root = host.getRootNode();
  }
  return '';
}

const wordsOf = (name) => squash(String(name ?? '').replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[\[\]._\-:/]+/g, ' '));

// `{ text, raw, marks }`: the question, as written, and the elements that carry it (for required marks drawn by CSS).
// `own` are the elements of the field, `group` is true when its options have labels of their own.
function labelOf(els, group, file, heading = '') {
  const el = els[0];
  const own = new Set(els);
  const tries = [];
  const put = (text, ...marks) => { const t = squash(text); if (t) tries.push({ raw: t, marks: marks.filter(Boolean) }); };
  if (!group) {
    const refs = byIds(el, el.getAttribute('aria-labelledby')).filter((x) => !own.has(x));
    put(refs.map(spoken).join(' '), ...refs);
    const labels = labelElements(el);
    put(labels.map(spoken).filter(Boolean).filter((t, i, a) => a.indexOf(t) === i).join(' '), ...labels);
    put(attr(el, 'aria-label'));
    const host = hostText(el);
    put(host);
  }
  // Several things name a file box badly ("Attach") and one well, further out.
  const wanting = group || file || !tries.some((t) => useful(t.raw));
  if (wanting) {
    const around = groupText(els);
    if (around) put(around.text, ...around.els);
    put(tableHeader(el));
    const before = precedingText(els);
    if (before) {
      const hint = attr(el, 'placeholder');
      if (before.shared && useful(hint) && !group) tries.push({ raw: hint, marks: [before.el].filter(Boolean), row: bare(before.text) });
      else put(before.text, before.el);
    }
    if (group) put(hostText(el));
  }
  put(attr(el, 'placeholder'));
  put(attr(el, 'title'));
  put(attr(el, 'data-label'));
  const good = tries.find((t) => useful(t.raw)) ?? (file ? null : tries.find((t) => /[\p{L}\p{N}]/u.test(t.raw) && !group));
  if (good) return { text: bare(good.raw), raw: good.raw, marks: good.marks, row: good.row ?? '', asked: tries.some((t) => asksMark(t.raw)) };
  if (file && heading) return { text: bare(heading), raw: heading, marks: [], row: '', asked: false };
  const name = wordsOf(attr(el, 'autocomplete') && !/^(on|off)$/.test(attr(el, 'autocomplete')) ? attr(el, 'autocomplete') : el.getAttribute('name') || el.id);
  return { text: cut(name), raw: name, marks: [], row: '', asked: false };
}

// Required by attribute, by mark, by word, or by a mark that only a stylesheet draws.
function isRequired(els, label) {
  if (els.some((e) => e.required || e.getAttribute('aria-required') === 'true')) return true;
  const box = closest(els[0], 'fieldset,[role=group],[role=radiogroup]', 6);
  if (box && box.getAttribute('aria-required') === 'true') return true;
  if (OPTIONAL_WORD.test(label.raw)) return false;
  if (label.asked || asksMark(label.raw)) return true;
  for (const mark of label.marks) {
    for (const at of [mark, ...mark.querySelectorAll('*')].slice(0, 12)) {
      for (const pseudo of ['::after', '::before']) {
        if (/[*✱]/.test(getComputedStyle(at, pseudo).content)) return true;
      }
      if (at.matches('[aria-label=required],[title=required],[title=Required],abbr[title*=equired]')) return true;
    }
    if (/(^|[\s_-])(is[-_])?required([\s_-]|$)/i.test(mark.getAttribute('class') ?? '')) return true;
  }
  // A block of boxes that name themselves inside: the block's mark is theirs.
  if (!label.marks.length && label.raw && label.raw === attr(els[0], 'placeholder')) {
    const block = [...ancestors(els[0], 4)].find((at) => at.querySelector('label'));
    if (block && !block.matches('form,body') && asksMark(spoken(block.querySelector('label')))) return true;
  }
  // Widgets keep a hidden twin for the browser's own validation.
  const around = parentOf(els[0]) && [...ancestors(els[0], 5)].find((at) => at.querySelector?.('input[aria-hidden=true][required],input[required][tabindex="-1"]'));
  return Boolean(around && !otherFieldIn(around, new Set(els)));
}

// Help text: what the field names as its description, without its error.
function describe(els, error) {
  const el = els[0];
  const refs = byIds(el, el.getAttribute('aria-describedby')).filter((x) => x !== error && rendered(x));
  let text = squash(refs.filter((x) => !notLabel(x) || x.matches('[aria-live]')).map(spoken).join(' '));
  if (!text) {
    const around = [...ancestors(el, 5)].find((at) => at.querySelector('[class*=hint],[class*=help],[class*=description],small'));
    if (around && !otherFieldIn(around, new Set(els))) {
      const hint = around.querySelector('[class*=hint],[class*=help],[class*=description],small');
      if (hint !== el && !hint.contains(el) && rendered(hint) && !hint.querySelector(FIELDISH)) text = spoken(hint);
    }
  }
  return isPlaceholder(text) ? '' : cut(text);
}

// A message beside the field that only its place, words and colour show to be one. Of `flagged` fields less is asked.
function spokenComplaint(els, own, flagged) {
  const known = els.flatMap((e) => [...labelElements(e).filter((l) => !holds(l, e)), ...byIds(e, e.getAttribute('aria-labelledby'))]);
  for (const at of ancestors(els[0], 5)) {
    if (at.matches('form,body') || otherFieldIn(at, own)) return null;
    const spots = all('p,span,div,small,li,strong,em,output', at).filter((x) => (flagged || reddish(x)) && visible(x, 1) && !x.querySelector(FIELDISH) && !known.some((k) => k.contains(x)) && !els.some((e) => holds(x, e)) && !closest(x, 'button,[role=button],[role=option],legend,h1,h2,h3,h4', 4));
    const says = (x) => { const text = textOf(x, null, 300); return text.length > 5 && text.length <= 250 && useful(text) && !JUST_A_MARK.test(text) && COMPLAINS.test(text); };
    const after = (x) => Boolean(x.compareDocumentPosition(els.at(-1)) & Node.DOCUMENT_POSITION_PRECEDING);
    const found = spots.find((x) => reddish(x) && says(x)) ?? (flagged ? spots.find((x) => after(x) && says(x)) : null);
    if (found) return found;
  }
  return null;
}

// The page's complaint about the field, when it shows one; looked for once in a look at a page that stands still.
function complaint(els) {
  if (!told) return findComplaint(els);
  if (!told.has(els[0])) told.set(els[0], findComplaint(els));
  return told.get(els[0]);
}

function findComplaint(els) {
  const own = new Set(els);
  const flagged = els.some((e) => e.getAttribute('aria-invalid') === 'true') || Boolean(closest(els[0], '[aria-invalid=true]', 3));
  const says = els.flatMap((e) => [...byIds(e, e.getAttribute('aria-errormessage')), ...byIds(e, e.getAttribute('aria-describedby')).filter((x) => x.matches('[role=alert],[class*=error],[class*=invalid],[id*=error]'))]);
  let found = says.find((x) => visible(x, 1) && squash(x.textContent));
  if (!found) {
    for (const at of ancestors(els[0], 4)) {
      if (at.matches('form,body') || otherFieldIn(at, own)) break;
      found = all('[role=alert],[class*=error],[class*=Error],[class*=invalid-feedback]', at).find((x) => !own.has(x) && !els.some((e) => holds(x, e)) && visible(x, 1) && squash(textOf(x)));
      if (found) break;
    }
  }
  found ??= spokenComplaint(els, own, flagged);
  if (found) return { text: cut(textOf(found)), el: found };
  const native = els.find((e) => e.willValidate && e.matches(':user-invalid') && e.validationMessage);
  if (native) return { text: cut(native.validationMessage), el: null };
  return flagged ? { text: 'marked as invalid', el: null } : null;
}

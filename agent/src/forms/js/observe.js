// Puts the fields of the frame together, in the shape the agent reports, and remembers their elements by key.

let entries = new Map();

const editable = (entry) => {
  const el = entry.face ?? entry.els[0];
  const input = entry.els[0];
  if (input.matches(':disabled') || input.getAttribute('aria-disabled') === 'true' || closest(el, '[inert]')) return false;
  if (input.readOnly && !/^(combobox|date)$/.test(entry.kind)) return false;
  return getComputedStyle(el).pointerEvents !== 'none' || entry.kind === 'file' || el !== input;
};

// An entry for one candidate, or null when it is no field of a person's.
function single({ el, heading, legend }, closed) {
  const type = tag(el) === 'input' ? (el.type || 'text') : tag(el);
  const section = { heading, legend };
  if (closed.size && closest(el, '[id]') && [el, ...ancestors(el, 12)].some((at) => at.id && closed.has(at.id))) return null;
  if (type === 'file') return fileEntry(el, section);
  if (tag(el) === 'select') {
    if (visible(el, 4)) return { kind: 'select', els: [el], multiple: el.multiple, section };
    const face = selectFace(el);
    if (!face || el.getAttribute('data-uxi') === 'ignore') return null;
    // A widget that drives a filled list can be operated by the list; one whose list is empty only by the widget.
    if (realOptions(el).length > 0) return { kind: 'select', els: [el], face, multiple: el.multiple, section, hides: face };
    return null;
  }
  if (el.matches('[contenteditable=""],[contenteditable=true],[contenteditable=plaintext-only]')) {
    return visible(el, 4) && !closest(parentOf(el) ?? el, '[contenteditable=true]', 6) ? { kind: 'richtext', els: [el], section } : null;
  }
  if (tag(el) === 'textarea') return visible(el, 8) ? { kind: 'textarea', els: [el], section } : null;
  if (tag(el) === 'input') {
    const kind = TEXT_TYPES[type];
    if (!kind) return null;
    if (isCombo(el) && kind !== 'password') return comboEntry(el, section);
    if (!visible(el, 6) || inOpenList(el)) return null;
    if (type === 'search' && !el.form) return null;
    if (kind === 'text' && el.getAttribute('role') === 'spinbutton') return { kind: 'number', els: [el], section };
    if ((kind === 'text' || kind === 'tel') && (DATE_HINT.test(attr(el, 'placeholder')) || /date-?picker/i.test([el, ...ancestors(el, 2)].map(classOf).join(' ')))) return { kind: 'date', els: [el], section };
    if (kind === 'text' && (el.list || suggests(el))) return comboEntry(el, section);
    return { kind, els: [el], section };
  }
  if (el.getAttribute('role') === 'combobox' || el.hasAttribute('aria-haspopup')) return comboEntry(el, section);
  if (el.getAttribute('role') === 'textbox') return visible(el, 4) && el.isContentEditable ? { kind: 'richtext', els: [el], section } : null;
  return null;
}

function comboEntry(el, section) {
  const input = tag(el) === 'input' ? el : all('input:not([type=hidden])', el)[0];
  const popup = el.getAttribute('aria-haspopup');
  if (inOpenList(el)) return null;
  if (tag(el) !== 'input' && popup && popup !== 'listbox' && el.getAttribute('role') !== 'combobox') {
    // A menu button is a field only where it stands for a hidden select or under a label of its own.
    const twin = [...(parentOf(el)?.children ?? [])].find((x) => x !== el && x.matches('select,input[type=hidden]'));
    if (!twin && !labelElements(el).length) return null;
    if (aside(el)) return null;
  }
  const main = input && el.getAttribute('role') === 'combobox' && visible(input, 1) ? input : el;
  const box = comboBox(main);
  if (!visible(box, 6)) return null;
  const native = [...(parentOf(el)?.children ?? [])].find((x) => tag(x) === 'select') ?? null;
  const multiple = el.getAttribute('aria-multiselectable') === 'true' || all('[class*=is-multi],[class*=multiple],[aria-multiselectable=true]', box).length > 0 || /is-multi|multi-?select/i.test(classOf(box));
  return { kind: 'combobox', els: [main], opener: el, box, native, multiple, section };
}

function fileEntry(el, section) {
  let face = visible(el, 8) ? el : null;
  if (!face) {
    for (const at of ancestors(el, 6)) {
      if (at.matches('body,html,form')) break;
      if (rendered(at) && visible(at) && (textOf(at) || all('button,label,a', at).length)) { face = at; break; }
    }
  }
  return { kind: 'file', els: [el], face, multiple: el.multiple, section, loose: !face };
}

// Boxes that stand apart from the drop zone that feeds them are matched with the zones that have none, in order.
function settleLoose(list) {
  const loose = list.filter((e) => e.loose);
  if (!loose.length) return list;
  const zones = all('[class*=dropzone],[class*=drop-zone],[class*=dz-],[class*=upload]').filter((z) => visible(z, 12) && !all('input[type=file]', z).length);
  const outer = zones.filter((z) => !zones.some((y) => y !== z && y.contains(z)));
  loose.forEach((entry, i) => { entry.face = outer[i] ?? null; });
  // Such a box stands in the form where its zone does.
  const out = list.filter((e) => !e.loose);
  for (const entry of loose.filter((e) => e.face)) {
    const at = out.findIndex((e) => entry.face.compareDocumentPosition(e.face ?? e.els[0]) & Node.DOCUMENT_POSITION_FOLLOWING);
    out.splice(at < 0 ? out.length : at, 0, entry);
  }
  return out;
}

const collect = () => still(gather);

function gather() {
  const groups = new Map();
  const list = [];
  const taken = new Set();
  // What stands in a popup that is shut (or in the search box of one) is no field of the form.
  const closed = new Set(all('[aria-controls][aria-expanded=false]').filter((x) => x.getAttribute('role') !== 'tab').flatMap((x) => squash(x.getAttribute('aria-controls')).split(' ')).filter((id) => id && /^(dialog|listbox|menu)$/.test(document.getElementById(id)?.getAttribute('role') ?? '')));
  for (const item of candidates()) {
    const { el } = item;
    if (taken.has(el) || aside(el) || el.getAttribute('aria-hidden') === 'true' && el.type !== 'file' && !/^(checkbox|radio)$/.test(el.type)) continue;
    const section = { heading: item.heading, legend: item.legend };
    const role = el.getAttribute('role');
    const isBox = el.type === 'checkbox' || role === 'checkbox' || role === 'switch';
    const isRadio = el.type === 'radio' || role === 'radio';
    if (tag(el) === 'button' && el.hasAttribute('aria-pressed') || isBox && el.type === 'checkbox' && !faceOf(el)) {
      const toggles = toggleGroup(el);
      if (!toggles) continue;
      toggles.buttons.forEach((b) => taken.add(b));
      all('input', toggles.at).forEach((x) => taken.add(x));
      list.push({ kind: 'radio', els: toggles.buttons, section, choices: toggles.buttons.map((b) => ({ input: null, face: b, role: b.hasAttribute('aria-pressed') ? b : null, label: textOf(b) })) });
      continue;
    }
    if (isBox || isRadio) {
      const native = tag(el) === 'input';
      // The role element and its input are one box: the input speaks for both.
      if (!native && (all('input[type=checkbox],input[type=radio]', el).length || [...(parentOf(el)?.children ?? [])].some((x) => x !== el && x.matches('input[type=checkbox],input[type=radio]') && !visible(x, 4)))) continue;
      const face = native ? faceOf(el) : visible(el) ? { face: el, role: el } : null;
      if (!face) continue;
      const key = groupOf(el, isBox);
      const choice = { input: native ? el : null, face: face.face, role: face.role ?? (native ? null : el) };
      let entry = groups.get(key);
      if (!entry) {
        entry = { kind: isRadio ? 'radio' : 'checkbox_group', els: [], choices: [], section, group: key instanceof Element ? key : null };
        groups.set(key, entry);
        list.push(entry);
      }
      entry.els.push(el);
      entry.choices.push(choice);
      continue;
    }
    const entry = single(item, closed);
    if (!entry) continue;
    if (entry.hides) all('*', entry.hides).concat(entry.hides).forEach((x) => taken.add(x));
    if (entry.opener && entry.opener !== entry.els[0]) taken.add(entry.els[0]);
    if (list.some((e) => e.els[0] === entry.els[0])) continue;
    list.push(entry);
  }
  return name(mainOnly(settleLoose(list)));
}

// Small forms beside the application (a log-in, a newsletter, a search) are not part of it.
function mainOnly(list) {
  const byForm = new Map();
  for (const entry of list) {
    const form = entry.els[0].form ?? closest(entry.els[0], 'form') ?? null;
    if (!byForm.has(form)) byForm.set(form, []);
    byForm.get(form).push(entry);
  }
  const biggest = Math.max(0, ...[...byForm.values()].map((of) => of.length));
  if (biggest < 3) return list;
  const drop = new Set();
  for (const [form, of] of byForm) {
    if (!form || of.length > 2 || of.length === biggest || of.some((e) => e.kind === 'file')) continue;
    of.forEach((e) => drop.add(e));
  }
  return list.filter((e) => !drop.has(e));
}

// Labels, keys, and the registry.
function name(list) {
  const seen = new Map();
  const fresh = new Map();
  const out = [];
  for (const entry of list) {
    if (out.length > FIELDS_MAX) break;
    const lone = entry.kind === 'checkbox_group' && entry.choices.length === 1;
    if (entry.choices) entry.choices.forEach((c) => { c.label ??= choiceLabel(c.input, c.role, entry.group); });
    if (lone) entry.kind = 'checkbox';
    const isGroup = Boolean(entry.choices) && !lone;
    let label;
    if (lone) {
      const raw = choiceRaw(entry.choices[0]);
      label = { text: bare(raw), raw, marks: entry.choices[0].input ? labelElements(entry.choices[0].input) : [], row: '', asked: false };
      if (!label.text) label = labelOf(entry.els, false, false);
    } else {
      label = labelOf(entry.els, isGroup, entry.kind === 'file', entry.section.heading);
      if (entry.kind === 'file' && entry.loose && entry.face) label = looseLabel(entry.face) ?? label;
    }
    if (entry.kind === 'combobox') label = pickerLabel(entry, label);
    label = partLabel(entry, label);
    if (entry.kind === 'tel') label = { ...label, text: label.text.replace(/\s*\(?\+\d{1,4}\)?$/, '') || label.text };
    if (entry.kind === 'file') label = { ...label, text: label.text.replace(/(?<=\S)\s+((choose|select|browse|upload|attach)( a| your)?( file| files)?|browse files|drag (and|&) drop.*|no file (chosen|selected))\W*$/i, '') || label.text };
    if (isTrap(entry.els[0], label.text)) continue;
    entry.label = label.text;
    entry.labelling = label;
    const legend = entry.section.legend && fold(bare(entry.section.legend)) !== fold(label.text) ? entry.section.legend : '';
    entry.under = bare(legend || entry.section.heading);
    if (fold(entry.under) === fold(label.text)) entry.under = '';
    const base = shortHash(`${entry.kind}\u0000${fold(entry.under)}\u0000${fold(label.text)}`);
    const nth = seen.get(base) ?? 0;
    seen.set(base, nth + 1);
    entry.base = base;
    entry.key = `${base}.${nth}`;
    fresh.set(entry.key, entry);
    out.push(entry);
  }
  entries = fresh;
  return out;
}

// What stood behind the mark in the label, as help.
const restOf = (raw, label) => {
  const at = raw.startsWith(label) ? label.length : -1;
  const rest = at > 0 ? raw.slice(at).replace(/^\s*[*✱＊]+\s*/, '').replace(/^(\(?required\)?|\(?optional\)?)\b\s*/i, '') : '';
  return useful(rest) && rest.length > 12 ? rest : '';
};

const choiceRaw = (choice) => {
  const own = choice.input ? labelElements(choice.input).map(spoken).filter(Boolean)[0] : '';
  return own || choice.label;
};

function looseLabel(face) {
  const before = precedingText([face]) ?? groupText([face]);
  const text = before?.text ?? '';
  return useful(text) ? { text: bare(text), raw: text, marks: before.els ?? [before.el].filter(Boolean), row: '', asked: false } : null;
}

const PART = /^(month|day|year|mm|dd|yyyy|yy|hour|minute|mes|d[ií]a|a[nñ]o|mois|jour|ann[ée]e|monat|tag|jahr)$/i;

// A box for one part of a date or time is called by the question of its group as well: "Start date (Month)".
function partLabel(entry, label) {
  const el = entry.els[0];
  if (entry.els.length !== 1 || !/^(text|number|tel|select|combobox)$/.test(entry.kind) || !PART.test(label.text)) return label;
  for (const at of ancestors(el, 8)) {
    if (at.matches('form,body,dialog,[role=dialog]')) break;
    if (!at.matches('fieldset,[role=group]') && !(at.querySelectorAll(FIELDISH).length > 1)) continue;
    const inside = all(FIELDISH, at).filter((x) => visible(x, 4));
    if (inside.length > 5 || !inside.every((x) => x === el || PART.test(attr(x, 'aria-label')) || PART.test(attr(x, 'placeholder')) || labelElements(x).some((l) => PART.test(bare(spoken(l)))))) break;
    const named = at.matches('fieldset,[role=group]') ? nameOf(at) : '';
    const before = useful(named) ? { text: named, els: namers(at) } : precedingText(inside, 4);
    if (!before || !useful(before.text) || PART.test(bare(before.text))) continue;
    const marks = before.els ?? [before.el].filter(Boolean);
    return { ...label, text: `${bare(before.text)} (${label.text})`, raw: before.text, marks, asked: label.asked || asksMark(before.text) };
  }
  return label;
}

// A picker of dialling codes inside a phone field shows the chosen country as its name; its question is the code.
function pickerLabel(entry, label) {
  const near = [...ancestors(entry.opener, 4)].find((at) => all('input[type=tel]', at).length === 1 && !at.matches('form,fieldset'));
  const value = fold(textOf(entry.opener, null, 200));
  const title = fold(attr(entry.opener, 'title'));
  const weak = !label.text || fold(label.text) === value || fold(label.text) === title || /^\+?\d+$/.test(label.text) || (near && labelElements(all('input[type=tel]', near)[0]).some((l) => fold(bare(spoken(l))) === fold(label.text)));
  return near && tag(entry.els[0]) !== 'input' && weak ? { ...label, text: 'Phone country code' } : label;
}

function staticOptions(entry) {
  if (entry.choices) return entry.kind === 'checkbox' ? { options: [], complete: true } : { options: entry.choices.map((c) => ({ value: cut(c.input?.value ?? '', 200), label: c.label })), complete: true };
  if (entry.kind === 'select') return { options: realOptions(entry.els[0]).map((o) => ({ value: cut(o.value, 200), label: optionLabel(o) })), complete: true };
  if (entry.kind !== 'combobox') return { options: [], complete: true };
  const data = entry.els[0].list;
  if (data) return { options: [...data.options].map((o) => ({ value: cut(o.value, 200), label: cut(o.value || o.label) })), complete: false };
  const listed = ownedOptions(entry);
  if (listed.length > 1) return { options: listed.map((el) => ({ value: cut(attr(el, 'data-value') || attr(el, 'value'), 200), label: optionText(el) })), complete: true };
  return { options: [], complete: false };
}

// Characters of options one look may report: beyond it lists are left out, so that a page cannot drown the agent.
const LISTED_MAX = 2000000;
let listed = 0;

function describeEntry(entry) {
  const el = entry.els[0];
  const wrong = complaint(entry.els);
  const box = entry.box ?? entry.face ?? entry.choices?.[0]?.face ?? el;
  const rect = entry.choices ? spanOf(groupParts(entry)) : rectOf(box);
  let { options, complete } = staticOptions(entry);
  options = options.slice(0, OPTIONS_MAX + 1);
  listed += options.reduce((sum, o) => sum + o.value.length + o.label.length, 0);
  if (listed > LISTED_MAX) [options, complete] = [[], false];
  const help = describe(entry.els, wrong?.el);
  return {
    key: entry.key, base: entry.base, kind: entry.kind, label: entry.label, section: cut(entry.under, 300),
    description: cut([entry.labelling.row, restOf(entry.labelling.raw, entry.label), fold(help) === fold(entry.label) ? '' : help].filter(Boolean).join('. ')),
    name: cut(wordsOf(el.getAttribute('name') || el.id), 200), autocomplete: cut(attr(el, 'autocomplete'), 100),
    placeholder: cut(attr(el, 'placeholder'), 300), required: isRequired(entry.els, entry.labelling), multiple: entry.kind === 'checkbox_group' || Boolean(entry.multiple),
    options: options.slice(0, OPTIONS_MAX), options_complete: complete && options.length <= OPTIONS_MAX,
    value: valueOf(entry), editable: editable(entry), max_length: el.maxLength > 0 && el.maxLength < 1e6 ? el.maxLength : null,
    accept: entry.kind === 'file' ? cut(attr(el, 'accept'), 300) : '', invalid: wrong?.text ?? null, rect,
  };
}

// What a person takes for one question of boxes or buttons: the question, the options and their labels.
function groupParts(entry) {
  const parts = entry.choices.flatMap((c) => [c.face, ...(c.input ? labelElements(c.input) : [])]);
  const question = entry.labelling.marks.filter((x) => visible(x, 1));
  // Named by something far away, it is drawn without it.
  const near = (x) => { const a = x.getBoundingClientRect(), b = parts[0].getBoundingClientRect(); return Math.abs(a.bottom - b.top) < 160; };
  return [...parts.filter((x) => visible(x, 1)), ...question.filter(near)];
}

function spanOf(els) {
  const rects = els.map(rectOf).filter(Boolean);
  if (!rects.length) return null;
  const x = Math.min(...rects.map((r) => r.x)), y = Math.min(...rects.map((r) => r.y));
  return { x, y, width: Math.max(...rects.map((r) => r.x + r.width)) - x, height: Math.max(...rects.map((r) => r.y + r.height)) - y };
}

// `uploads` are files given earlier: a box that gave its file away (emptied or removed) still shows the name.
function observe({ uploads = [] } = {}) {
  return still(() => {
    listed = 0;
    const list = collect();
    const fields = list.map(describeEntry);
    const shown = uploads.filter((u) => showsFile(u)).map((u) => u.key);
    return { fields, shown, page: pageFacts(list), scroll: { x: window.scrollX, y: window.scrollY } };
  });
}

// Where a file was given: the container is remembered, since the input itself may go.
const uploadHomes = new Map();
function showsFile({ key, name: file }) {
  const wanted = fold(file);
  const stem = wanted.replace(/\.[a-z0-9]{1,5}$/, '');
  const home = uploadHomes.get(key);
  const tells = (el) => {
    const text = fold(textOf(el, null, 4000));
    return text.includes(wanted) || (stem.length > 12 && text.includes(stem.slice(0, 12)));
  };
  if (home?.isConnected && tells(home)) return true;
  const everywhere = [document.body, ...(roots ? all('*').map((el) => el.shadowRoot) : [])];
  return everywhere.some((root) => root && fold(root.textContent).includes(wanted));
}

// Finds the fields of the frame: which elements ask something, which of them belong together, which to leave out.

const TEXT_TYPES = { text: 'text', email: 'email', tel: 'tel', url: 'url', number: 'number', password: 'password', search: 'text', date: 'date', month: 'date', week: 'date', time: 'date', 'datetime-local': 'date', range: 'number', color: 'other' };
const DATE_HINT = /\b(mm|dd|yyyy|jj|aaaa|tt|jjjj)\s?[/.\-]\s?(mm|dd|yyyy|yy|tt|jjjj)/i;
const TRAP_WORDS = /leave (this|it)( field)? (blank|empty)|(do not|don'?t) (fill|complete|enter)|if you('re| are) (a )?human|honey ?pot|bitte (leer|nicht aus)/i;
const TRAP_NAME = /honey|(^|[_-])hp([_-]|$)|^(url|website|nickname|fax)[_-]?(hp|trap)|bot[_-]?(field|trap|catcher)/i;
const ASIDE = /cookie|onetrust|didomi|usercentrics|cybot|trustarc|consent-(banner|manager|modal)|gdpr-(banner|popup)|(^|[\s_-])chat(bot|-widget)?([\s_-]|$)|intercom/i;
const SUGGESTS = /(dropdown|auto-?complete|suggest(ion)?s?|type-?ahead|pac)[-_]?(container|results?|list|menu|items?|wrapper)/i;

// Standing in a cookie notice, a chat or the site's own search.
function aside(el) {
  for (const at of ancestors(el, 40)) {
    if (at.matches('body,html')) return false;
    if (at.matches('nav,[role=search],[role=navigation]')) return true;
    if (!at.matches('form,main') && ASIDE.test(`${at.id} ${classOf(at)}`)) return true;
  }
  return false;
}

const inOpenList = (el) => closest(parentOf(el) ?? el, '[role=listbox],[role=menu],[role=option]', 8);

function isTrap(el, label) {
  if (TRAP_WORDS.test(label) || TRAP_WORDS.test(attr(el, 'aria-label')) || TRAP_WORDS.test(attr(el, 'placeholder'))) return true;
  if (/-(recaptcha|captcha)-response|^(g-recaptcha|h-captcha|cf-turnstile)-response/.test(el.getAttribute('name') ?? '')) return true;
  const out = el.tabIndex < 0 && attr(el, 'autocomplete') === 'off';
  return TRAP_NAME.test(el.getAttribute('name') ?? '') || (out && TRAP_NAME.test(el.id));
}

const isCombo = (el) =>
  el.getAttribute('role') === 'combobox' || /^(list|both)$/.test(el.getAttribute('aria-autocomplete') ?? '') ||
  /^(listbox|menu|true|tree|grid|dialog)$/.test(el.getAttribute('aria-haspopup') ?? '') || el.getAttribute('data-uxi-widget-type') === 'selectinput';

// A text box with a list of suggestions that says so only by the names of what stands next to it.
function suggests(el) {
  if (/^(pac-target-input|tt-input|ui-autocomplete-input)/.test(classOf(el))) return true;
  for (const at of ancestors(el, 4)) {
    if (/auto-?complete|type-?ahead|combobox/i.test(tag(at))) return true;
    if (at.matches('[role=combobox]')) return true;
    if (at.matches('form,fieldset,body') || otherFieldIn(at, new Set([el]))) return false;
    if ([...at.children].some((x) => x !== el && !x.contains(el) && SUGGESTS.test(classOf(x)))) return true;
  }
  return false;
}

// The widget that shows and drives a hidden native select, as its neighbour.
function selectFace(select) {
  const near = [select.nextElementSibling, select.previousElementSibling, ...(parentOf(select)?.children ?? [])];
  const plain = (x) => x && x !== select && !x.matches('label,select,script,style') && visible(x);
  return near.find((x) => plain(x) && (x.matches('[role=combobox],button[aria-haspopup],[role=button]') || x.querySelector('[role=combobox],button[aria-haspopup],[class*=selection],[class*=chosen]') || /select|chosen|dropdown/i.test(classOf(x)))) ?? null;
}

// What a person clicks for a checkbox or radio button, and the element that carries its state.
function faceOf(input) {
  const role = closest(input, '[role=checkbox],[role=radio],[role=switch]', 3) ?? [...(parentOf(input)?.children ?? [])].find((x) => x !== input && x.matches('[role=checkbox],[role=radio],[role=switch]')) ?? null;
  if (role && role !== input && visible(role)) return { face: role, role };
  if (visible(input, 4)) return { face: input, role: null };
  const label = labelElements(input).find((x) => visible(x));
  if (label) return { face: label, role: null };
  for (const at of ancestors(input, 2)) {
    if (at.matches('form,fieldset,body')) break;
    if (visible(at) && at.querySelectorAll('input').length === 1) return { face: at, role: null };
  }
  return null;
}

// The label of one option: what its own label says, else the text that follows or precedes it.
function choiceLabel(input, role, group) {
  const el = input ?? role;
  const own = input ? labelElements(input).map(spoken).filter(Boolean) : [];
  const refs = byIds(role ?? el, (role ?? el).getAttribute('aria-labelledby')).filter((x) => x !== group).map(spoken).filter(Boolean);
  const text = own[0] || refs.join(' ') || (role ? attr(role, 'aria-label') || textOf(role) : '') || attr(el, 'aria-label') || besideText(el) || (role && besideText(role)) || attr(el, 'title') || (input && input.value !== 'on' ? wordsOf(input.value) : '');
  return cut(text.replace(/\s*[*✱]+$/, ''));
}

function besideText(el) {
  for (let at = el, level = 0; at && level < 3; at = parentOf(at), level++) {
    for (let node = at.nextSibling; node; node = node.nextSibling) {
      if (node.nodeType === 3 && squash(node.data)) return squash(node.data);
      if (node.nodeType === 1) {
        if (node.matches(FIELDISH) || node.querySelector(FIELDISH) || tag(node) === 'br') break;
        const text = textOf(node);
        if (text) return text;
      }
    }
    const parent = parentOf(at);
    if (!parent || parent.matches('fieldset,form,body') || parent.querySelectorAll('input,[role=radio],[role=checkbox]').length > 1) return '';
  }
  return '';
}

// Candidates in drawn order, each with the heading it stands under.
function candidates() {
  const found = [];
  let heading = '';
  const legends = [];
  walk(document.documentElement, (el) => {
    const name = tag(el);
    if (/^h[2-6]$/.test(name) || (el.getAttribute('role') === 'heading' && attr(el, 'aria-level') !== '1')) {
      if (rendered(el)) heading = textOf(el, null, 200) || heading;
      return true;
    }
    if (name === 'fieldset') legends.push({ el, text: cut(nameOf(el), 200) });
    if (el.matches('input,select,textarea,[role=combobox],[role=textbox],[role=radio],[role=checkbox],[role=switch],[contenteditable=""],[contenteditable=true],[contenteditable=plaintext-only],button[aria-haspopup],[role=button][aria-haspopup],button[aria-pressed],[role=listbox],[role=spinbutton]')) {
      found.push({ el, heading, legend: legends.at(-1)?.text ?? '' });
    }
    return true;
  }, (el) => { if (legends.at(-1)?.el === el) legends.pop(); });
  return found;
}

// The group an option belongs to, and how to tell it from others.
function groupOf(el, box) {
  const named = closest(parentOf(el) ?? el, '[role=radiogroup]', 10);
  if (named) return named;
  const name = el.getAttribute('name');
  const set = closest(parentOf(el) ?? el, 'fieldset,[role=group]', 10);
  if (!box) return name ? `${formKey(el)}|${name}` : set ?? parentOf(parentOf(el) ?? el) ?? el;
  if (set && useful(nameOf(set)) && all('input[type=checkbox],[role=checkbox]', set).length > 1 && !all(FIELDISH, set).some((x) => !x.matches('input[type=checkbox],[role=checkbox],[role=switch]') && visible(x))) return set;
  if (name && all(`input[type=checkbox][name="${CSS.escape(name)}"]`).length > 1) return `${formKey(el)}|${name}`;
  return questionAround(el) ?? el;
}

// A container of checkboxes alone, under a label that asks (and is not itself one of theirs).
function questionAround(el) {
  for (const at of ancestors(el, 5)) {
    if (at.matches('form,body,fieldset')) return null;
    const boxes = all('input[type=checkbox],[role=checkbox]', at).filter((x) => x.type !== 'checkbox' || faceOf(x));
    if (otherFieldIn(at, new Set(all('input[type=checkbox],[role=checkbox]', at)))) return null;
    if (boxes.length < 2) continue;
    const before = precedingText(boxes, 5);
    if (!before?.el || before.shared) continue;
    const asks = before.el.matches('label,legend') || asksMark(before.text) || /[?:]$/.test(before.text);
    return asks ? at : null;
  }
  return null;
}

const formKeys = new WeakMap();
let formCount = 0;
function formKey(el) {
  const form = el.form ?? closest(el, 'form') ?? document;
  if (!formKeys.has(form)) formKeys.set(form, ++formCount);
  return formKeys.get(form);
}

// Two to five buttons that answer one question ("Yes" / "No"), with a hidden box or a pressed state behind them.
function toggleGroup(el) {
  for (const at of ancestors(el, 3)) {
    const buttons = [...all('button,[role=button]', at)].filter((b) => visible(b));
    if (buttons.length < 2) continue;
    if (buttons.length > 8 || otherFieldIn(at, new Set([el, ...buttons]))) return null;
    if (buttons.some((b) => textOf(b).length > 60 || !textOf(b) || b.getAttribute('aria-haspopup'))) return null;
    const alike = el.matches('input') || buttons.every((b) => b.hasAttribute('aria-pressed'));
    return alike ? { at, buttons } : null;
  }
  return null;
}

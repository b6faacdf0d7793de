// What a field holds, as the person sees it: choices by their labels.

const PLACEHOLDER = /^\d+ items? selected\W*$|^[-–—]{1,3}\s.*\s[-–—]{1,3}$|^[-–—\s.]*(please\s+)?(select|choose|pick|make a selection|start typing|type to|search|none selected|no selection|bitte|sélectionne|selecciona|wählen)\b.{0,40}$|^[-–—\s.…]*$/i;
const isPlaceholder = (text) => PLACEHOLDER.test(squash(text));

const classOf = (el) => el.getAttribute('class') ?? '';
const CHIP = /(multi-?value-?_*label|chip|pill|token|selected-?item|selection__choice|tag(__|-)?(label|text)?(\s|$))/i;
const LIST_PART = '[role=listbox],[role=menu],[role=tree],[role=grid],[role=option],[role=dialog],[aria-live],[role=log],[role=status],[role=alert],[role=tooltip]';

// The drawn control around a combobox's input: as far out as nothing else comes in.
function comboBox(el) {
  let box = el;
  for (const at of ancestors(el, 5)) {
    if (at.matches('form,fieldset,body,label,td,tr,li')) break;
    if (at.querySelector('label,legend') || at.shadowRoot?.querySelector('label')) break;
    if (otherFieldIn(at, new Set([el]))) break;
    const height = at.getBoundingClientRect().height;
    if (height > 160) break;
    if (height > 0) box = at;
  }
  return box;
}

const valueParts = (el, box) => (node) =>
  node === el ? false
  : node.matches(LIST_PART) || node.matches('button:not([aria-haspopup]),[role=button],label') || /placeholder|menu|dropdown-(results|menu|container)|indicator/i.test(classOf(node)) || (node !== box && !visible(node, 1));

function comboChosen(entry) {
  const el = entry.els[0];
  const box = entry.box;
  if (entry.native) {
    const chosen = chosenOptions(entry.native);
    if (chosen.length || entry.native.options.length > 1) return chosen;
  }
  const chips = all('*', box).filter((x) => CHIP.test(classOf(x)) && visible(x, 1) && !x.matches('input,button') && !x.closest(LIST_PART));
  const leaves = chips.filter((x) => !chips.some((y) => y !== x && x.contains(y)));
  if (leaves.length && (entry.multiple || !el.value)) return leaves.map((x) => textOf(x, (n) => n.matches('button,[role=button]'))).filter(Boolean);
  if ('value' in el && typeof el.value === 'string' && tag(el) === 'input') {
    const typed = squash(el.value);
    if (typed) return [cut(typed)];
  }
  if (tag(el) === 'input') {
    const text = textOf(box, valueParts(el, box), 300);
    return text && !isPlaceholder(text) ? [text] : [];
  }
  // A button or a div that shows its choice.
  const shown = attr(all('[data-value]', el)[0] ?? null, 'data-value') || textOf(el, (n) => n.matches('[aria-hidden=true]:not(span),svg') || /placeholder|arrow|caret|icon/i.test(classOf(n)), 300);
  if (!shown || isPlaceholder(shown)) return [];
  if (fold(shown) === fold(entry.label)) return [];
  return [shown];
}

const optionLabel = (option) => cut(option.label || option.text);

const realOption = (option, index) => {
  const text = optionLabel(option);
  if (!text) return false;
  if (option.hidden) return false;
  return !((option.value === '' || option.disabled || index === 0) && isPlaceholder(text)) && !(option.value === '' && index === 0);
};

const realOptions = (select) => [...select.options].filter(realOption);

function chosenOptions(select) {
  const real = new Set(realOptions(select));
  return [...select.selectedOptions].filter((o) => real.has(o)).map(optionLabel);
}

// One radio button, checkbox or pressed button of a group.
const isOn = (choice) => {
  const { input, face } = choice;
  const role = choice.role;
  if (role?.hasAttribute('aria-checked')) return role.getAttribute('aria-checked') === 'true';
  if (role?.hasAttribute('aria-pressed')) return role.getAttribute('aria-pressed') === 'true';
  if (input) return input.checked;
  const state = (face.getAttribute('data-state') ?? '').toLowerCase();
  return state === 'checked' || state === 'on' || /(^|[\s_-])(active|selected|checked)([\s_-]|$)/i.test(classOf(face));
};

function fileShown(entry) {
  const input = entry.els[0];
  const file = input.files?.[0];
  return file ? { name: cut(file.name, 255), size: file.size } : null;
}

// `{ t: kind of value, v: value }`, the shape that the agent turns into its own.
function valueOf(entry) {
  const el = entry.els[0];
  switch (entry.kind) {
    case 'radio': {
      const on = entry.choices.find(isOn);
      return on ? { t: 'choices', v: [on.label] } : { t: 'empty' };
    }
    case 'checkbox_group': {
      const on = entry.choices.filter(isOn).map((c) => c.label);
      return on.length ? { t: 'choices', v: on } : { t: 'empty' };
    }
    case 'checkbox': return { t: 'checked', v: isOn(entry.choices[0]) };
    case 'select': {
      const chosen = chosenOptions(el);
      return chosen.length ? { t: 'choices', v: chosen } : { t: 'empty' };
    }
    case 'combobox': {
      const chosen = comboChosen(entry);
      return chosen.length ? { t: 'choices', v: chosen } : { t: 'empty' };
    }
    case 'file': {
      const file = fileShown(entry);
      return file ? { t: 'file', v: file } : { t: 'empty' };
    }
    case 'richtext': {
      const text = (el.innerText ?? el.textContent ?? '').replace(/\u00a0/g, ' ').replace(/\n{2,}/g, '\n').trim();
      return text ? { t: 'text', v: text.slice(0, VALUE_MAX) } : { t: 'empty' };
    }
    // A secret the person typed never leaves the page: only that there is one.
    case 'password': return el.value ? { t: 'text', v: '••••' } : { t: 'empty' };
    default: {
      const text = String(el.value ?? '');
      return text ? { t: 'text', v: text.slice(0, VALUE_MAX) } : { t: 'empty' };
    }
  }
}

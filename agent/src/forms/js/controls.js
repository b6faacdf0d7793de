// Buttons and links: which would send the form, which lead on, which lead from a posting to its form.

const PRESSABLE = 'button,input[type=submit],input[type=button],input[type=image],a,[role=button]';
const SEND = /^(submit|send|apply|complete|finish|envoyer|soumettre|postuler|bewerben|absenden|jetzt bewerben|bewerbung|enviar|solicitar|invia|candidati|skicka|verzenden|solliciteer|wyślij|aplikuj)\b|\b(submit|send|complete|finish) (my |your |the |this )?(job )?application\b|\bapplication (absenden|abschicken)\b|bewerbung (ab)?(senden|schicken)/i;
const NEXT = /^(save (and|&) )?(next|continue|proceed|weiter|suivant|continuer|siguiente|continuar|avanti|nästa|volgende|dalej)\b|^(go to )?(review|preview)\b|^next\b|^save and\b/i;
const APPLY = /^(quick |easy |start )?(apply|application|bewerben|jetzt bewerben|postuler|candidater|solicitar|candidati|solliciteer|ansök|aplikuj)\b(?!.*\b(with|using|via|filters?|later|coupon)\b)|^(i'?m interested|start (your |my )?application|apply (to|for) (this|the) (job|position|role))/i;
const NOT_SEND = /\b(filters?|search|coupon|code|log ?in|sign ?in|sign ?up|with (linkedin|google|indeed|facebook|seek|xing)|linkedin|indeed|later|another|save (draft|for later|as draft)|cancel|back|previous|delete|remove|upload|attach|browse|choose file|feedback|message|newsletter|subscribe)\b/i;
const SIGN_IN = /^(log ?in|sign ?in|anmelden|connexion|se connecter|iniciar sesión|accedi|continue with|create (an )?account|register)\b/i;

const pressText = (el) => {
  if (tag(el) === 'input') return squash(el.value || attr(el, 'aria-label') || attr(el, 'alt') || (el.type === 'submit' ? 'Submit' : ''));
  return textOf(el, null, 200) || attr(el, 'aria-label') || attr(el, 'title');
};

const submits = (el) => (tag(el) === 'button' && el.type === 'submit' && Boolean(el.form)) || (tag(el) === 'input' && /^(submit|image)$/.test(el.type));

const FIELD_LIKE = 'input:not([type=hidden]):not([type=submit]):not([type=button]):not([type=search]),select,textarea,[contenteditable=true],[role=combobox]';

// The fields of an element's form or, without one, of the page.
function fieldsNear(el) {
  const form = el.form ?? closest(el, 'form');
  const scope = form ?? closest(el, 'dialog,[role=dialog],main,[role=main]') ?? document.body;
  if (!scope) return 0;
  return all(FIELD_LIKE, scope).filter((x) => rendered(x)).length;
}

// Whether pressing it could send the application. Everything in a form of fields that is not plainly something else.
function sends(el) {
  const text = pressText(el);
  if (el.getAttribute('aria-haspopup') && el.getAttribute('aria-haspopup') !== 'false' || el.hasAttribute('aria-pressed')) return false;
  const role = el.getAttribute('role');
  if (role && /^(radio|checkbox|switch|option|tab|menuitem|combobox)$/.test(role)) return false;
  if (closest(el, '[role=listbox],[role=menu],nav,[role=search]', 12)) return false;
  if (toggles.has(el)) return false;
  const fields = fieldsNear(el);
  if (submits(el)) {
    if (NOT_SEND.test(text) && !SEND.test(text)) return false;
    // A submit button of a form of some fields sends it, whatever it is called; "Next" is let pass by name only
    // when the agent asks for it.
    return fields > 0;
  }
  if (tag(el) === 'a' && el.href && !/^(#|javascript:)/.test(el.getAttribute('href')) && !SEND.test(text)) return false;
  return fields > 1 && SEND.test(text) && !NOT_SEND.test(text) && text.length < 60;
}

const isLink = (el) => tag(el) === 'a' && /^https?:$/.test(el.protocol) && !/^\s*(#|javascript:)/i.test(el.getAttribute('href'));

// Whether "Apply" only leads to the form: a link does, a button only where there is nothing to answer that it could
// send. Another form with a button of its own (a newsletter's) is that button's.
function leads(el, list) {
  if (isLink(el)) return true;
  const own = el.form ?? closest(el, 'form');
  return !list.some((entry) => {
    const form = entry.els[0].form ?? closest(entry.els[0], 'form');
    return !form || form === own || !all('button,input', form).some((x) => x !== el && submits(x) && rendered(x));
  });
}

// Buttons of yes/no questions, as found by the last look.
let toggles = new Set();

// The controls of the page, by use; the elements are kept for the clicks.
let controls = { submit: null, next: null, apply: null };

function findControls(list) {
  toggles = new Set(list.filter((e) => e.choices && e.kind === 'radio').flatMap((e) => e.choices.map((c) => c.face)));
  const main = mainForm(list);
  const last = list.at(-1)?.els[0] ?? null;
  const best = { submit: [0, null], next: [0, null], apply: [0, null] };
  const offer = (kind, score, el) => { if (score > best[kind][0]) best[kind] = [score, el]; };
  for (const el of all(PRESSABLE)) {
    if (toggles.has(el) || !visible(el, 4) || aside(el)) continue;
    if (list.some((e) => e.els.includes(el) || e.opener === el || (e.face === el && e.kind !== 'file'))) continue;
    const text = pressText(el);
    if (!text || text.length > 80) continue;
    const form = el.form ?? closest(el, 'form');
    const inMain = main ? form === main : !form || list.length === 0;
    const after = last && (last.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING) ? 2 : 0;
    const away = NOT_SEND.test(text);
    if (list.length > 0 && NEXT.test(text) && !SEND.test(text) && !away && (inMain || after)) {
      offer('next', 2 + (submits(el) ? 2 : 0) + after, el);
      continue;
    }
    if (list.length > 0 && (!away || /\b(submit|send) (my |your |the )?application\b/i.test(text)) && !SIGN_IN.test(text)) {
      const words = SEND.test(text) ? 4 : 0;
      const native = submits(el) && inMain ? 3 : 0;
      if ((words && (inMain || after)) || (native && inMain)) offer('submit', 1 + words + native + after + (inMain ? 2 : 0) + (tag(el) === 'a' ? -1 : 0), el);
    }
    if (APPLY.test(text) && !away && leads(el, list)) offer('apply', 3 + (/now|for|this|easy|quick/i.test(text) ? 1 : 0) + (tag(el) === 'a' ? 1 : 0) - (closest(el, 'nav,footer', 12) ? 2 : 0), el);
  }
  controls = { submit: best.submit[1], next: best.next[1], apply: best.apply[1] };
  return { submit: Boolean(controls.submit), next: Boolean(controls.next), apply: Boolean(controls.apply) };
}

// The form (or null) that most fields belong to.
function mainForm(list) {
  const counts = new Map();
  for (const entry of list) {
    const form = entry.els[0].form ?? closest(entry.els[0], 'form');
    counts.set(form, (counts.get(form) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

// Where to click for a control. A link to a form is let through the guard; nothing else is.
async function controlPoint({ which, ms = 0 }) {
  const usable = (el) => el?.isConnected && !el.matches(':disabled') && el.getAttribute('aria-disabled') !== 'true';
  const ready = () => { if (!controls[which]?.isConnected) findControls(collect()); return usable(controls[which]) ? controls[which] : null; };
  const el = await until(ready, ms);
  if (!el) return { missing: true };
  gate.pass = which === 'apply' && leads(el, collect()) ? el : null;
  return { ...pointOf(el), href: which === 'apply' && tag(el) === 'a' ? el.href : '', enabled: true };
}

// The same without a mouse, when something covers the control.
function pressControl({ which }) {
  controls[which]?.click();
  return { ok: Boolean(controls[which]) };
}

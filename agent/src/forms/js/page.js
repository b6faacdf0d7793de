// What the page is, beyond its fields: the posting, what blocks the way, errors, a confirmation.

// Names of systems by the host that serves or receives something, and by marks of their own markup. A hint for people
// and for the planner; nothing is operated by it.
const HOSTS = [
  ['greenhouse', /(^|\.)greenhouse\.io$/], ['lever', /(^|\.)lever\.co$/], ['workday', /(^|\.)(myworkdayjobs|myworkdaysite|myworkday|workday)\.com$/], ['linkedin', /(^|\.)linkedin\.com$/],
  ['ashby', /(^|\.)ashbyhq\.com$/], ['icims', /(^|\.)icims\.com$/], ['smartrecruiters', /(^|\.)smartrecruiters\.com$/], ['workable', /(^|\.)workable\.com$/], ['bamboohr', /(^|\.)bamboohr\.com$/],
  ['taleo', /(^|\.)taleo\.net$/], ['successfactors', /(^|\.)(successfactors\.(com|eu)|sapsf\.(com|eu))$/], ['teamtailor', /(^|\.)teamtailor(-cdn)?\.com$/], ['jazzhr', /(^|\.)(applytojob|jazz|jazzhr)\.(com|co)$/], ['breezy', /(^|\.)breezy\.hr$/],
];
const MARKUP = [
  ['workday', '[data-automation-id=applyFlowPage],[data-automation-id=pageFooterNextButton]'], ['greenhouse', '#grnhse_app,#grnhse_iframe,[id^=greenhouse],.application--form,.application--container'], ['ashby', '[class*=ashby-application-form],[id^=_systemfield]'],
  ['jazzhr', '[id^=resumator-]'], ['smartrecruiters', 'oc-oneclick-form,spl-input'], ['icims', '[class*=iCIMS_],[id^=icims_]'], ['workable', '[data-ui=application-form],[data-ui=apply-button]'],
  ['teamtailor', '[name^="candidate[job_applications"]'], ['bamboohr', '[data-fabric-component]'], ['lever', '.lever-logo,.main-footer-text a[href*="lever.co"]'], ['linkedin', '.jobs-easy-apply-modal,[data-test-easy-apply-modal]'],
];

function systemOf() {
  const byHost = (host) => HOSTS.find(([, test]) => test.test(host))?.[0];
  const own = byHost(location.hostname);
  if (own) return own;
  const marked = MARKUP.find(([, selector]) => document.querySelector(selector));
  if (marked) return marked[0];
  // Its own words, on whatever domain it is embedded.
  if (/^Job Application for .+ at .+/.test(document.title)) return 'greenhouse';
  for (const el of document.querySelectorAll('form[action],iframe[src],script[src],link[href],a[href]')) {
    if (tag(el) === 'a' && !APPLY.test(squash(el.textContent))) continue;
    try {
      const found = byHost(new URL(el.getAttribute('action') ?? el.getAttribute('src') ?? el.getAttribute('href'), location.href).hostname);
      if (found) return found;
    } catch { /* not an address */ }
  }
  return null;
}

// Words of a heading or title that name the place one is at, not the job.
const NO_TITLE = /^((easy |quick )?apply( (now|here|for|to|online)\b.*)?|((job|your|my|the|start|submit|complete|online) )*application( form| for\b.*)?|careers?( (page|site|portal|at\b.*))?|jobs?( board| openings| search)?|(open|current) (positions|roles|jobs|openings)|thanks?\b.*|sign (in|up|on)\b.*|log ?in\b.*|join (us|our|the)\b.*|(error|oops|sorry|welcome|404)\b.*|(page )?not found|work with us|candidate (home|profile|portal)|(personal|contact|basic) (information|details|info|us)|contact us)$/i;
const SITE_WORDS = /\s*\b(careers?( (page|site|portal))?|jobs?( board)?|job (openings|opportunities)|hiring|recruiting|karriere|jobbörse|vacancies)\b\s*$/i;

const headings = (selector) => all(selector).filter((h) => visible(h, 1)).map((h) => ({ el: h, text: textOf(h, null, 200) })).filter((h) => h.text.length > 2 && !NO_TITLE.test(h.text) && !CLOSED_WORDS.test(h.text) && !/\b(careers|jobs|job board|career site)$/i.test(h.text));

const meta = (name) => cut(document.querySelector(`meta[property="${name}"],meta[name="${name}"]`)?.getAttribute('content'), 300);

// Job and company out of a title such as "Gardener at Example Gardens", "Gardener | Example Gardens" or, company first,
// "Example Gardens - Gardener". A heading that says the one half tells which half is the job.
function titleParts(title, shown) {
  const text = squash(title).replace(/^(job )?application for\s+/i, '').replace(/[\s–—|-]+(job )?application$/i, '');
  const at = /^(.{2,200}?)\s+(?:at|@|bei|chez)\s+([^|–—]{2,80})$/i.exec(text);
  if (at) {
    const own = shown.find((h) => fold(at[1]).endsWith(fold(h.text)));
    return { job: own?.text ?? squash(at[1]), company: squash(at[2]).replace(SITE_WORDS, '') };
  }
  const whole = text.split(/\s+[-–—|·•]\s+/).map(squash).filter(Boolean);
  const parts = whole.filter((p) => !NO_TITLE.test(p));
  if (!parts.length || whole.length < 2) return { job: '', company: '' };
  // "Careers - Example Gardens": what is left names the site.
  if (parts.length === 1 && !shown.some((h) => fold(h.text) === fold(parts[0]))) return { job: '', company: squash(parts[0].replace(SITE_WORDS, '')) };
  const own = parts.find((p) => shown.some((h) => fold(h.text) === fold(p)));
  const site = parts.find((p) => SITE_WORDS.test(p));
  // Without a heading to tell by: most systems put the job first.
  if (!own && !shown.length && !site) return { job: parts.slice(0, -1).join(' - '), company: parts.at(-1) };
  if (!own) return { job: '', company: site ? squash(site.replace(SITE_WORDS, '')) : '' };
  const rest = parts.filter((p) => p !== own).map((p) => squash(p.replace(SITE_WORDS, ''))).filter((p) => p && !NO_TITLE.test(p));
  // Between job and company a place may stand; the company is at the other end from the job.
  return { job: own, company: rest.length ? (parts[0] === own ? rest.at(-1) : rest[0]) : '' };
}

const PLACE = /^(remote|hybrid)\b(?=$|\W)|^\p{Lu}[\p{L}.'’ -]{1,40},\s*\p{Lu}[\p{L}.'’ -]{1,40}(,\s*\p{Lu}[\p{L}.'’ -]{1,40})?$/u;

// Where the job is: said by name, or in the line under its title.
function jobPlace(title) {
  const spot = all('[class*=location],[itemprop=jobLocation],[data-qa*=location]').find((x) => visible(x) && !x.matches(CONTROL) && !x.querySelector('input,select,label') && textOf(x).length > 2 && textOf(x).length < 100);
  if (spot) {
    const whole = textOf(spot, null, 200);
    // A line of facts, the place first.
    const first = [...spot.children].map((x) => textOf(x, null, 200)).find(Boolean);
    return spot.children.length > 1 && PLACE.test(first ?? '') ? first : whole;
  }
  const term = all('dt,th').find((x) => visible(x, 1) && /^(job |office |work )?(location|standort|lieu|ubicación)s?:?$/i.test(textOf(x, null, 60)));
  const told = term && term.nextElementSibling && textOf(term.nextElementSibling, null, 200);
  if (told && told.length < 100) return told;
  const under = title?.nextElementSibling;
  if (!under || under.querySelector(FIELDISH) || textOf(under, null, 300).length > 160) return '';
  const lines = [under, ...all('span,div,li,p', under)].map((x) => squash(textOf(x, null, 160).split(/\s[·•|/]\s|\s[·•|/]$/)[0]));
  return lines.find((x) => PLACE.test(x)) ?? '';
}

function posting(closed) {
  const out = { job_title: '', company: '', job_location: '' };
  for (const script of document.querySelectorAll('script[type="application/ld+json"]')) {
    if (script.textContent.length > 200000) continue;
    let data;
    try { data = JSON.parse(script.textContent); } catch { continue; }
    const job = [data, ...(Array.isArray(data) ? data : []), ...(Array.isArray(data?.['@graph']) ? data['@graph'] : [])].find((x) => x && [].concat(x['@type']).includes('JobPosting'));
    if (!job) continue;
    out.job_title = cut(job.title, 300);
    out.company = cut(typeof job.hiringOrganization === 'string' ? job.hiringOrganization : job.hiringOrganization?.name, 300);
    const place = [].concat(job.jobLocation ?? [])[0]?.address;
    out.job_location = cut(typeof place === 'string' ? place : [place?.addressLocality, place?.addressRegion, typeof place?.addressCountry === 'string' ? place.addressCountry : place?.addressCountry?.name].filter(Boolean).join(', '), 300);
  }
  const shown = headings('h1,h2,h3,[role=heading]');
  const titles = [meta('og:title'), document.title].map((t) => titleParts(t, shown));
  const named = shown.find((h) => /job-?title|posting-?(headline|title)|position-?title/i.test(`${classOf(h.el)} ${classOf(parentOf(h.el) ?? h.el)} ${h.el.id}`));
  const first = shown.find((h) => h.el.matches('h1'));
  const told = titles.map((t) => t.job).find(Boolean);
  // A posting that is gone says so where its title was.
  if (!out.job_title && !closed) out.job_title = named?.text || (told && shown.some((h) => fold(h.text) === fold(told)) ? told : '') || first?.text || told || meta('og:title').replace(/\s[|–—-]\s.*$/, '');
  if (CLOSED_WORDS.test(out.job_title)) out.job_title = '';
  if (!out.company) out.company = titles.map((t) => t.company).find(Boolean) || cut(meta('og:site_name').replace(SITE_WORDS, ''), 100);
  if (!out.job_location) out.job_location = jobPlace(shown.find((h) => fold(h.text) === fold(out.job_title))?.el);
  return { job_title: cut(out.job_title, 300), company: cut(out.company, 300), job_location: out.job_location };
}

const CAPTCHA = /(google\.com|recaptcha\.net)\/recaptcha\/(api2|enterprise)\/(anchor|bframe)|hcaptcha\.com|challenges\.cloudflare\.com|arkoselabs\.com|funcaptcha|geo\.captcha-delivery\.com|captcha\.awswaf/i;

const HUMAN_CHECK = /\b((re|h)?captcha|human (verification|check)|verif(y|ication) (that )?(you|i)('re| are| am) (a )?human|(verification|security) challenge|(i'?m|i am) (not a robot|human)|robot check)\b/i;
const UNSEEN_CHECK = '.grecaptcha-badge,[data-size=invisible]';

// What a check that was passed leaves beside itself: a token in a hidden box, or its own tick.
function passed(frame) {
  for (const at of ancestors(frame, 3)) {
    if (at.matches('form,body') || all(FIELDISH, at).some((x) => visible(x, 4))) break;
    if (all('input[type=hidden],textarea', at).some((x) => x.value)) return true;
  }
  // Only a frame of the same origin can be looked into.
  try { return Boolean(frame.contentDocument?.querySelector('[role=checkbox][aria-checked=true],input[type=checkbox]:checked')); } catch { return false; }
}

// A captcha that a person can see and has not answered.
function captcha() {
  const answered = [...document.querySelectorAll('[name=g-recaptcha-response],[name=h-captcha-response],[name=cf-turnstile-response]')].some((x) => x.value);
  if (answered) return false;
  const frames = [document, ...(roots ? all('*').map((el) => el.shadowRoot).filter(Boolean) : [])].flatMap((root) => [...root.querySelectorAll('iframe')]);
  for (const frame of frames) {
    const src = frame.getAttribute('src') ?? '';
    if (!CAPTCHA.test(src) && !HUMAN_CHECK.test(`${attr(frame, 'title')} ${attr(frame, 'aria-label')} ${wordsOf(attr(frame, 'name'))}`)) continue;
    if (/size=invisible/.test(src) || closest(frame, UNSEEN_CHECK, 6)) continue;
    const box = frame.getBoundingClientRect();
    if (visible(frame, 20) && box.width >= 120 && box.height >= 50 && !passed(frame)) return true;
  }
  const widgets = all('.g-recaptcha,.h-captcha,.cf-turnstile,[id*=captcha i],[class*=captcha i]').filter((x) => !x.matches('button,input,label') && !/invisible/i.test(attr(x, 'data-size')) && !x.matches(UNSEEN_CHECK));
  if (widgets.some((x) => visible(x, 20) && x.getBoundingClientRect().height >= 50 && (attr(x, 'data-sitekey') || /captcha/i.test(x.querySelector('iframe,img,input,canvas')?.outerHTML.slice(0, 400) ?? '')))) return true;
  // One that its script has not drawn yet, in a row of the form that is there for it: an unseen check has no row.
  return widgets.some((x) => attr(x, 'data-sitekey') && rendered(x) && [...ancestors(x, 3)].some((row) => !row.matches('form,body,main') && !all(FIELDISH, row).some((f) => visible(f, 4)) && visible(row, 4) && HUMAN_CHECK.test(textOf(row, null, 200))));
}

const SIGN_WORDS = /\b(sign in|log ?in|sign into|password|anmelden|connexion|join now|welcome back)\b/i;
const CODE_WORDS = /\b(two[- ]?(factor|step)|2fa|verification code|security code|one[- ]time (code|password|passcode)|authenticator|enter the (\d-digit )?code|code (we )?(just )?sent)\b/i;
const BOT_WORDS = /\b(verify(ing)? (that )?you('re| are) (a )?human|are you a (robot|human)|checking your browser|unusual traffic|press (and|&) hold|just a moment|attention required|enable javascript and cookies to continue|access denied|bot detection)\b/i;
const RATE_WORDS = /\b(too many requests|rate limit(ed)?( exceeded)?|try again later|slow down)\b/i;
const CLOSED_WORDS = /\b(no longer (accepting|taking|open|available|active)|(position|job|posting|vacancy|role) (has been|is|was) (filled|closed|expired|removed|archived)|this (job|position|posting) (has )?(expired|closed)|applications (are|have) (now )?(closed)|job (you are looking for|posting) (is no longer|no longer exists|was not found)|(job|position|role|posting|vacancy) is no longer (open|there|listed|posted|live)|not currently accepting applications)\b/i;
const APPLIED_WORDS = /\b(you('ve| have)? (already|previously) (applied|submitted)|already applied (to|for) this|application (was )?already (been )?(submitted|received))\b/i;
const THANKS = /\b(thank(s| you) for (applying|your application|submitting|your interest)|(your )?application (has been |was |is )?(successfully )?(submitted|received|sent|complete[d]?)\b(?! by| in order)|we('ve| have)? (successfully )?received your (application|submission|details|information)|successfully (applied|submitted)|application (submitted|received|complete|sent)|you('ve| have) (successfully )?applied|submission (received|successful)|merci (pour|d'avoir)|vielen dank für (ihre|deine) bewerbung|gracias por (tu|su) (solicitud|postulaci))/i;
const NUMBER = /\b(?:reference|confirmation|application|submission|tracking|candidate)\s*(?:(?:number|no\.?|id|code|nr\.?)\s*(?:is\b)?\s*[:#]?|[:#])\s*#?((?=[A-Z0-9-]*\d)[A-Z0-9][A-Z0-9-]{3,40})\b/i;
// One of letters alone is told from a word by its capitals and dashes.
const LETTERS = /\b(?:reference|confirmation|application|submission|tracking|candidate)\s*(?:number|no\.?|id|code|nr\.?)\s*(?:is\b)?\s*[:#]?\s*#?([a-z]{1,6}(?:-[a-z]{3,12})+)\b/i;
const capitals = (found) => (found && found[1] === found[1].toUpperCase() ? found : null);

const sentence = (text, test) => {
  const at = text.search(test);
  if (at < 0) return '';
  const from = Math.max(text.lastIndexOf('. ', at), text.lastIndexOf('! ', at), at - 200, -1);
  const rest = text.slice(from < 0 ? 0 : from + (/[.!] /.test(text.slice(from, from + 2)) ? 2 : 0));
  return cut(rest, 400);
};

function blocker(list, text) {
  const inputs = list.filter((e) => /^(text|email|tel|number|password)$/.test(e.kind));
  const password = all('input[type=password]').some((x) => visible(x, 6));
  const files = list.some((e) => e.kind === 'file');
  const few = list.length <= 4;
  const head = `${squash(document.title)} ${text.slice(0, 3000)}`;
  const code = all('input[autocomplete="one-time-code"]').some((x) => visible(x, 4));
  if (!files && few && (code || (CODE_WORDS.test(head) && inputs.some((e) => /\b(code|otp|pin|token)\b/i.test(`${e.label} ${attr(e.els[0], 'name')} ${attr(e.els[0], 'placeholder')}`))))) return { kind: 'two_factor', message: 'The site asks for a verification code.' };
  if (password && !files && list.length <= 8 && (SIGN_WORDS.test(head))) return { kind: 'login_required', message: 'The site asks to sign in first.' };
  if (captcha()) return { kind: 'captcha', message: 'The page shows a CAPTCHA.' };
  if (few && !files && text.length < 3000 && BOT_WORDS.test(head)) return { kind: 'bot_check', message: 'The site checks whether a person is there.' };
  if (list.length === 0 && text.length < 1500 && RATE_WORDS.test(head)) return { kind: 'rate_limited', message: 'The site says that there were too many requests.' };
  return null;
}

// Good news and "please wait" are put where errors are.
const GOOD_WORDS = /\b(success(fully)?|thank(s| you)|(we('ll| will)|someone will) be in touch|(is|are|was|were|has been|have been) (sent|received|submitted)|(submitting|sending|uploading|processing|saving) (your|the|this)\b|please wait)/i;
const BAD_WORDS = /\b(not|no|un(success\w*|able|expected)|fail(ed|ure|s)?|errors?|problems?|invalid|missing|required|must|can't|cannot|couldn't|wasn't|hasn't|try again|wrong|check|correct)\b/i;
const noComplaint = (text) => GOOD_WORDS.test(text) && !BAD_WORDS.test(text);

// Messages that the page shows as errors and that belong to no field.
function pageErrors(list) {
  const own = new Set(list.flatMap((e) => [complaintElement(e)]).filter(Boolean));
  const out = [];
  for (const el of all('[role=alert],[role=alertdialog],[class*=error-summary],[class*=error_summary],[class*=form-error],[class*=error-message],[class*=alert-danger],[class*=alert-error],[class*=errorBanner],[data-automation-id=errorBanner],.error,.errors')) {
    if (out.length >= 10 || !visible(el, 4) || own.has(el) || el.querySelector(FIELDISH) || aside(el)) continue;
    const text = textOf(el, null, 500);
    if (text.length < 3 || THANKS.test(text) || noComplaint(text) || out.some((t) => t.includes(text) || text.includes(t))) continue;
    out.push(text);
  }
  return out;
}

const complaintElement = (entry) => complaint(entry.els)?.el;

// "Thank you for applying", where no form is left to send: a form's own text may thank in advance.
function confirmation(list, text, found) {
  if (!THANKS.test(text)) return null;
  const spots = all('h1,h2,h3,h4,[role=status],[role=alert],[role=heading],[class*=success],[class*=confirm],[class*=thank],[id*=confirm],[id*=thank],main p,p').filter((x) => visible(x, 2));
  const spot = spots.find((x) => THANKS.test(textOf(x, null, 600)));
  if (!spot) return null;
  const answers = list.filter((e) => e.kind !== 'checkbox').length;
  if (answers > 1 || (found.submit && answers > 0)) return null;
  const words = sentence(textOf(spot, null, 1200), THANKS) || textOf(spot, null, 400);
  const said = text.slice(0, 20000);
  const number = NUMBER.exec(said) ?? capitals(LETTERS.exec(said));
  return { text: words, number: number ? number[1] : null };
}

function pageFacts(list) {
  const found = findControls(list);
  const body = document.body;
  const text = body ? textOf(body, (n) => n.matches('nav,footer,header nav'), 30000) : '';
  const closed = CLOSED_WORDS.test(text) && list.length < 3;
  const applied = APPLIED_WORDS.test(text) && list.length < 3;
  return {
    title: cut(document.title, 500), ats: systemOf(), ...posting(closed),
    blocker: blocker(list, text), closed, already_applied: applied, errors: pageErrors(list), confirmation: confirmation(list, text, found),
    can_submit: found.submit, can_advance: found.next, can_apply: found.apply, text: cut(text, 1500), words: text.length, ready: document.readyState,
  };
}

// A cheap look for the watch after a click.
const glance = () => still(glanceNow);

function glanceNow() {
  const list = collect();
  const facts = pageFacts(list);
  const invalid = list.filter((e) => complaint(e.els)).length + list.filter((e) => e.els.some((x) => x.willValidate && !x.validity.valid)).length;
  return { fields: list.length, invalid, complaints: list.filter((e) => complaint(e.els)).length, page: facts };
}

const COOKIE_NO = /^(reject|decline|refuse|deny|necessary|only necessary|essential|use necessary|continue without|ablehnen|nur (notwendige|erforderliche)|tout refuser|refuser|rechazar|rifiuta)\b|(only|strictly) (necessary|essential|required)|reject all|alle ablehnen/i;
const COOKIE_YES = /^(accept|agree|allow|ok|got it|i agree|i accept|understood|alle akzeptieren|akzeptieren|zustimmen|tout accepter|accepter|aceptar|accetta)\b/i;

// The button that closes a cookie notice, "no" before "yes". Only inside something that speaks of cookies and covers
// or floats over the page.
function cookieButton() {
  const floats = (el) => { for (const at of [el, ...ancestors(el, 12)]) { if (/^(fixed|sticky)$/.test(getComputedStyle(at).position) || at.matches('dialog,[role=dialog],[aria-modal=true]')) return at; } return null; };
  const options = [];
  for (const el of all('button,[role=button],input[type=button],a')) {
    const text = pressText(el);
    if (!text || text.length > 60 || !(COOKIE_NO.test(text) || COOKIE_YES.test(text)) || !visible(el, 4)) continue;
    const box = floats(el);
    if (!box || !/\bcookies?\b/i.test(textOf(box, null, 3000)) || box.querySelector('input[type=file],input[type=email],textarea')) continue;
    options.push({ el, no: COOKIE_NO.test(text) });
  }
  const chosen = options.find((o) => o.no) ?? options[0];
  return chosen ? pointOf(chosen.el) : { missing: true };
}
